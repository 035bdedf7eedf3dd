"""MLflow: where a run is tracked (as the recipe says, else the environment, else in SQLite beside the runs), and opening it:
quietly, within bounded time, and with errors that people can read."""

import logging
import os
import socket
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from distil.framework.errors import TrackingError, UserError, first_line
from distil.framework.extras import is_there, need
from distil.framework.locks import locked
from distil.framework.recipe.sections import Tracking, problem_with_uri
from distil.tracking.content import EXPERIMENT_TAGS

if TYPE_CHECKING:
    from mlflow import MlflowClient


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


def is_tracked(tracking: Tracking, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether runs go to MLflow: not where the recipe says no, nor where it is not installed, and nothing says that they should.

    Raises MissingPackageError where the recipe or the environment does, and it is not.
    """
    if not tracking.mlflow or is_there("mlflow"):
        return tracking.mlflow
    if tracking.by_mlflow:
        need("the section `tracking`", "mlflow")
    if environment.get("MLFLOW_TRACKING_URI"):
        need("MLFLOW_TRACKING_URI", "mlflow")
    return False


REQUEST_TIMEOUT = "MLFLOW_HTTP_REQUEST_TIMEOUT"
REQUEST_SECONDS = "10"
_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # MLflow's own 120 s and 7 retries would hold a run for a quarter of an hour when its server hangs.
    REQUEST_TIMEOUT: REQUEST_SECONDS,
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
}


def configure() -> None:
    """Set MLflow's environment where the user has not; before MLflow is imported."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def open_client(destination: Destination) -> "MlflowClient":
    """An `MlflowClient` for `destination`; creates its database where there is none.

    Nothing global is set, so several destinations can be open in one process.
    """
    configure()
    from mlflow import MlflowClient

    if destination.database is not None:
        _ensure_tables(destination.database)
    return MlflowClient(tracking_uri=destination.uri)


def _ensure_tables(database: Path) -> None:
    """Create the database if it is not there: as a whole, as MLflow refuses one whose creation was broken off."""
    database.parent.mkdir(parents=True, exist_ok=True)
    # Processes that create the tables at the same time all fail.
    with locked(database.with_name(f".{database.name}.lock"), f"the creation of {database}"):
        if not database.exists():
            new = database.with_name(f".{database.name}.new")
            new.unlink(missing_ok=True)
            create_tables(new)
            new.replace(database)


def create_tables(database: Path) -> None:
    """Have MLflow create a database, which goes through all its versions and takes a second or two."""
    from mlflow import MlflowClient

    MlflowClient(tracking_uri=sqlite_uri(database))


def experiment_id(client: "MlflowClient", destination: Destination) -> str:
    """The id of the destination's experiment, created where there is none.

    Raises:
        TrackingError: the experiment has been deleted.
    """
    from mlflow.exceptions import MlflowException

    experiment = client.get_experiment_by_name(destination.experiment)
    if experiment is None:
        try:
            return str(client.create_experiment(destination.experiment, destination.artifacts, dict(EXPERIMENT_TAGS)))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            experiment = client.get_experiment_by_name(destination.experiment)
            assert experiment is not None
    if experiment.lifecycle_stage == "deleted":
        raise TrackingError(
            f"experiment '{destination.experiment}' at {destination.shown} has been deleted; "
            f"restore it (`mlflow experiments restore -x {experiment.experiment_id}`) "
            "or name another in tracking.experiment"
        )
    for name, value in EXPERIMENT_TAGS.items():
        if name not in experiment.tags:  # made by an earlier version, or by hand; what someone has chosen stays
            client.set_experiment_tag(experiment.experiment_id, name, value)
    return str(experiment.experiment_id)


@contextmanager
def readable_errors(destination: Destination, failure: str = "did not take the run") -> Iterator[None]:
    """Turn what MLflow raises into a `TrackingError` of one line; failure: what to say of a server that answers."""
    configure()
    from mlflow.exceptions import MlflowException
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, RequestException, SQLAlchemyError, OSError) as error:
        cause = _root(error)
        kind = "does not answer" if _is_unreachable(cause) else failure
        raise TrackingError(f"tracking at {destination.shown} {kind} ({first_line(cause)})") from error


def _root(error: BaseException) -> BaseException:
    """The deepest failure of network, disk or database behind `error`; else `error` itself."""
    from urllib3.exceptions import HTTPError

    root, current = error, error.__cause__ or error.__context__
    while current is not None:
        if isinstance(current, OSError | HTTPError | sqlite3.Error):
            root = current
        current = current.__cause__ or current.__context__
    return root


def _is_unreachable(error: BaseException) -> bool:
    from requests import ConnectionError as RequestsConnectionError
    from requests import Timeout
    from urllib3.exceptions import HTTPError

    network = (ConnectionError, TimeoutError, socket.gaierror, RequestsConnectionError, Timeout, HTTPError)
    return isinstance(error, network)
