"""What trackers have already got of a run: `tracked.json` in the run's folder for MLflow, one below it for each other."""

import json
import os
import uuid
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from distil.framework.errors import StoreError
from distil.framework.files import write_atomic
from distil.framework.recipe.sections import AnyTracker, tracker_name

CURSOR = "tracked.json"


def folder_of(tracker: AnyTracker) -> str:
    """What the folder is called, in a run's, of what a tracker beside MLflow keeps there itself."""
    return tracker_name(tracker).replace(":", ".")


def ledger_of(run_folder: Path, tracker: AnyTracker) -> "Ledger":
    """What a tracker beside MLflow has got of a run; with other options one of the user's own is another destination. Raises StoreError."""
    options = tracker if isinstance(tracker, str) else json.dumps(tracker.model_dump(mode="json"), sort_keys=True)
    return Ledger(run_folder / folder_of(tracker) / CURSOR, options)


class RunCursor(BaseModel):
    """What has been sent of one MLflow run."""

    key: str = Field(default_factory=lambda: uuid.uuid4().hex)
    """Tag of the MLflow run, by which it is found when it was created and its id was not noted in time."""
    run_id: str | None = None
    status: str | None = None
    params: bool = False
    tags: dict[str, str] = {}
    metrics: dict[str, float] = {}
    linked: dict[str, float] = {}
    """Figures that the logged model has got."""
    history: dict[str, int] = {}
    """Last step sent, by kind of history line."""
    inputs: list[str] = []
    artifacts: dict[str, str] = {}
    """Digest of the content sent, by path."""
    model_id: str | None = None
    model_ready: bool = False
    registered: dict[str, str] = {}
    """Version by name of a registered model, and by `NAME@ALIAS`."""

    @property
    def run(self) -> str:
        """Id of the MLflow run, once that has been created."""
        assert self.run_id is not None
        return self.run_id


class DestinationCursor(BaseModel):
    """What has been sent to one destination: the recipe's run, and one run for each model."""

    parent: RunCursor = Field(default_factory=RunCursor)
    models: dict[str, RunCursor] = {}
    whole: str | None = None
    """Digest of the ended run that has been sent as a whole."""

    def model(self, name: str, digest: str | None) -> RunCursor:
        """The cursor of a model; another digest under the same name is another model."""
        return self.models.setdefault(f"{name}@{digest}", RunCursor())


class _File(BaseModel):
    format: int = 1
    destinations: dict[str, DestinationCursor] = {}


class Ledger:
    """The cursor file of one run, seen from one destination."""

    def __init__(self, path: Path, destination: str) -> None:
        """Read `path` where it exists.

        Raises:
            StoreError: the file is damaged.
        """
        self._path = path
        self._destination = destination
        self._file = _read(path)
        self.cursor = self._file.destinations.setdefault(destination, DestinationCursor())

    def save(self) -> None:
        """Write everything to disk."""
        write_atomic(self._path, json.dumps(self._file.model_dump(), ensure_ascii=False, indent=1) + "\n")

    def touch(self) -> None:
        """Show who waits that a piece has got through of which nothing is noted: that is known by the file's time."""
        os.utime(self._path)

    def forget(self) -> None:
        """Take it that the destination has nothing of this run."""
        self.put_back(DestinationCursor())

    def put_back(self, cursor: DestinationCursor) -> None:
        """Take it that the destination has no more of this run than that."""
        self.cursor = self._file.destinations[self._destination] = cursor
        self.save()


def _read(path: Path) -> _File:
    if not path.exists():
        return _File()
    try:
        return _File.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise StoreError(
            f"{path} is damaged ({error.errors()[0]['msg']}); delete it, and the run is sent anew, as a new run of its tracker"
        ) from None
