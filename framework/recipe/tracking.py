"""Where runs are tracked: the recipe's `tracking` section."""

from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from framework.config import Section


class Tracking(Section):
    """An MLflow store and what goes into it. The run folder stays the truth; MLflow is a copy of it."""

    uri: str | None = Field(
        default=None,
        description="MLflow server or database; if none: MLFLOW_TRACKING_URI, else SQLite in `output`.",
    )
    experiment: str = Field(default="distil", min_length=1, max_length=500, description="MLflow experiment.")
    log_models: bool = Field(default=True, description="Log students as models that answer questions.")

    @field_validator("uri")
    @classmethod
    def _check_uri(cls, uri: str | None) -> str | None:
        if uri is None:
            return None
        if problem := problem_with_uri(uri):
            raise PydanticCustomError("tracking_uri", "{problem}", {"problem": problem})
        if urlsplit(uri).password is not None:
            raise PydanticCustomError(
                "tracking_password",
                "holds a password, and the recipe is kept with the results; set in the environment "
                "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD (HTTP), or MLFLOW_TRACKING_URI (SQL)",
            )
        return uri


def problem_with_uri(uri: str) -> str | None:
    """Why MLflow cannot track to `uri`, with what to write instead; None where it can."""
    expected = "expected http(s)://host:port, or a database such as sqlite:////absolute/path/mlflow.db"
    if uri.startswith(("databricks", "arn:")):
        return None
    if "://" not in uri and not uri.startswith("file:"):
        return f"'{uri}' has no scheme; {expected}"
    if uri.startswith("file:"):
        return f"'{uri}' is a folder, and MLflow no longer tracks to folders; {expected}"
    try:
        port = urlsplit(uri).port
    except ValueError as error:
        return f"'{uri}' is not a URI ({error}); {expected}"
    if uri.startswith("sqlite:"):
        path = uri.removeprefix("sqlite://")
        return None if len(path) > 1 and path.startswith("/") else f"'{uri}' names no file; {expected}"
    if uri.startswith(("http://", "https://")) and (not urlsplit(uri).hostname or port == 0):
        return f"'{uri}' names no host and port; {expected}"
    return None
