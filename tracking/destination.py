"""Where a run is tracked: as the recipe says, else the environment, else in SQLite beside the runs."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from framework.errors import UserError
from framework.recipe.tracking import Tracking, problem_with_uri

_SQLITE = ("sqlite:///", "sqlite+pysqlite:///")


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


def sqlite_uri(database: Path) -> str:
    """The URI of an SQLite file, whose folders may be called anything. It has to be absolute."""
    quoted = str(database).replace("%", "%25").replace("?", "%3F")
    # Where MLflow reads `sqlite:///`, it makes the folder that follows as it is spelt there.
    return f"{_SQLITE[0] if quoted == str(database) else _SQLITE[1]}{quoted}"


def destination_of(tracking: Tracking, output: Path, environment: Mapping[str, str] = os.environ) -> Destination:
    """Resolve `tracking` for runs kept in `output`. All paths come out absolute.

    Raises:
        UserError: MLFLOW_TRACKING_URI is not something that MLflow can track to.
    """
    default = sqlite_uri(output.absolute() / "mlflow.db")
    uri = tracking.uri or environment.get("MLFLOW_TRACKING_URI") or default
    if problem := problem_with_uri(uri):
        raise UserError(f"MLFLOW_TRACKING_URI: {problem}")
    if uri.startswith(_SQLITE):
        place, mark, options = uri.split(":///", 1)[1].partition("?")
        database = Path(unquote(place)).absolute()
        artifacts = (database.parent / "mlartifacts").as_uri()
        return Destination(f"{sqlite_uri(database)}{mark}{options}", tracking.experiment, artifacts, database)
    if uri.startswith(("http://", "https://", "databricks", "arn:")):
        return Destination(uri, tracking.experiment, artifacts=None, database=None)
    # Another database has no server in front of it that would choose a place for artifacts.
    return Destination(uri, tracking.experiment, (output.absolute() / "mlartifacts").as_uri(), database=None)
