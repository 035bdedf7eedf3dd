"""Where a run is tracked: as the recipe says, else the environment, else in SQLite beside the runs."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from framework.errors import UserError
from framework.tracking_section import Tracking, problem_with_uri


@dataclass(frozen=True, slots=True)
class Destination:
    """An MLflow store and experiment."""

    uri: str
    """What MLflow is given; may hold a password."""
    experiment: str
    artifacts: str | None
    """Where the experiment's artifacts go when this process creates it; None leaves that to the server."""
    database: Path | None
    """The SQLite file, where the store is one."""

    @property
    def shown(self) -> str:
        """The URI without its password, for messages and files."""
        parts = urlsplit(self.uri)
        if parts.password is None:
            return self.uri
        netloc = parts.netloc.replace(f":{parts.password}@", ":***@", 1)
        return urlunsplit(parts._replace(netloc=netloc))

    @property
    def key(self) -> str:
        """Tells destinations apart in a run's records."""
        return f"{self.shown} {self.experiment}"


def destination_of(tracking: Tracking, output: Path, environment: Mapping[str, str] = os.environ) -> Destination:
    """Resolve `tracking` for runs kept in `output`. All paths come out absolute.

    Raises:
        UserError: MLFLOW_TRACKING_URI is not something that MLflow can track to.
    """
    default = f"sqlite:///{output.absolute() / 'mlflow.db'}"
    uri = tracking.uri or environment.get("MLFLOW_TRACKING_URI") or default
    if problem := problem_with_uri(uri):
        raise UserError(f"MLFLOW_TRACKING_URI: {problem}")
    if uri.startswith("sqlite:///"):
        database = Path(uri.removeprefix("sqlite:///")).absolute()
        artifacts = (database.parent / "mlartifacts").as_uri()
        return Destination(f"sqlite:///{database}", tracking.experiment, artifacts, database)
    if uri.startswith(("http://", "https://", "databricks", "arn:")):
        return Destination(uri, tracking.experiment, artifacts=None, database=None)
    # Another database has no server in front of it that would choose a place for artifacts.
    return Destination(uri, tracking.experiment, (output.absolute() / "mlartifacts").as_uri(), database=None)
