"""The pieces that a run is sent to MLflow in, and what it has already got: `tracked.json` in the run's folder.

It is written after every piece that was sent. A crash in between leaves one piece to be sent twice, and every
piece is such that sending it twice changes nothing."""

import hashlib
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field, ValidationError

from distil.framework.errors import StoreError
from distil.framework.files import Json, write_atomic
from distil.framework.outcome import SplitResults
from distil.tracking.content import KEY_TAG, Line, legal_key, new_lines

if TYPE_CHECKING:
    from mlflow import MlflowClient

METRICS_PER_BATCH = 1000
PARAMS_PER_BATCH = 100
CHARACTERS_PER_BATCH = 100_000


CURSOR = "tracked.json"


class RunCursor(BaseModel):
    """What has been sent of one MLflow run."""

    key: str = Field(default_factory=lambda: uuid.uuid4().hex)
    """Tag of the MLflow run, by which it is found when it was created and its id was not noted in time."""
    run_id: str | None = None
    status: str | None = None
    params: bool = False
    tags: dict[str, str] = {}
    metrics: dict[str, float] = {}
    history: dict[str, int] = {}
    """Last step sent, by kind of history line."""
    inputs: list[str] = []
    artifacts: dict[str, str] = {}
    """Digest of the content sent, by path."""
    model_id: str | None = None
    model_ready: bool = False

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

    def forget(self) -> None:
        """Take it that the destination has nothing of this run."""
        self.cursor = self._file.destinations[self._destination] = DestinationCursor()
        self.save()


def _read(path: Path) -> _File:
    if not path.exists():
        return _File()
    try:
        return _File.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise StoreError(
            f"{path} is damaged ({error.errors()[0]['msg']}); delete it, and the run is sent anew, as a new MLflow run"
        ) from None


@dataclass
class SyncReport:
    """What one synchronisation sent."""

    uri: str
    experiment: str
    run_id: str | None = None
    params: int = 0
    metrics: int = 0
    artifacts: int = 0
    models: int = 0
    notes: list[str] = field(default_factory=list)
    """What could not be sent, and why, one sentence each."""


@dataclass
class Sender:
    """An open MLflow client with the ledger of what it has sent."""

    client: "MlflowClient"
    experiment_id: str
    ledger: Ledger
    report: SyncReport

    def exists(self, cursor: RunCursor) -> bool:
        """Whether MLflow still has the cursor's run."""
        from mlflow.exceptions import MlflowException

        try:
            run = self.client.get_run(cursor.run)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return False
        return bool(run.info.lifecycle_stage == "active")

    def create(self, cursor: RunCursor, name: str, start: int | None, tags: Mapping[str, str]) -> str:
        """The id of the cursor's run, which is created (`start` in milliseconds) where there is none."""
        if cursor.run_id is None:
            wanted = f"tags.`{KEY_TAG}` = '{cursor.key}'"
            found = list(self.client.search_runs([self.experiment_id], wanted, max_results=1))
            if not found:
                # The key is on disk before the run exists, so a crash between the two leaves no run behind.
                self.ledger.save()
                tags = {**tags, KEY_TAG: cursor.key}
                found = [self.client.create_run(self.experiment_id, start, tags=tags, run_name=name)]
            cursor.run_id = str(found[0].info.run_id)
            self.ledger.save()
        return cursor.run_id

    def params(self, cursor: RunCursor, params: Mapping[str, str]) -> None:
        """Send parameters, once and for all: MLflow does not let them change."""
        from mlflow.entities import Param

        if cursor.params:
            return
        for batch in _batches(params.items()):
            self.client.log_batch(cursor.run, params=[Param(key, value) for key, value in batch])
            self.report.params += len(batch)
        cursor.params = True
        self.ledger.save()

    def tags(self, cursor: RunCursor, tags: Mapping[str, str]) -> None:
        """Send the tags that are new or have changed."""
        from mlflow.entities import RunTag

        changed = {key: value for key, value in tags.items() if cursor.tags.get(key) != value}
        for batch in _batches(changed.items()):
            self.client.log_batch(cursor.run, tags=[RunTag(key, value) for key, value in batch])
            cursor.tags.update(batch)
            self.ledger.save()

    def metrics(self, cursor: RunCursor, metrics: Mapping[str, float], milliseconds: int) -> None:
        """Send single figures that are new or have changed, at step 0."""
        from mlflow.entities import Metric

        changed = {key: value for key, value in metrics.items() if cursor.metrics.get(key) != value}
        if changed:
            rows = [Metric(key, value, milliseconds, 0) for key, value in changed.items()]
            for start in range(0, len(rows), METRICS_PER_BATCH):
                self.client.log_batch(cursor.run, metrics=rows[start : start + METRICS_PER_BATCH])
            cursor.metrics.update(changed)
            self.report.metrics += len(rows)
            self.ledger.save()

    def history(self, cursor: RunCursor, path: Path) -> None:
        """Send the steps and epochs of a history that have not been sent."""
        self.lines(cursor, new_lines(path, cursor.history))

    def lines(self, cursor: RunCursor, lines: Iterable[Line]) -> None:
        """Send those lines of a history, in its order, that come after the last one sent of their kind."""
        from mlflow.entities import Metric

        reached = dict(cursor.history)
        new = (line for line in lines if line.step > reached.get(line.kind, -1))
        for batch in _line_batches(new):
            rows = [
                Metric(key, value, line.milliseconds, line.step)
                for line in batch
                for key, value in line.metrics.items()
            ]
            self.client.log_batch(cursor.run, metrics=rows)
            cursor.history.update({line.kind: line.step for line in batch})
            self.report.metrics += len(rows)
            self.ledger.save()

    def artifact(self, cursor: RunCursor, root: Path, path: str) -> None:
        """Send the file `root`/`path` under its path, if its content is new; a missing file is no error."""
        file = root / path
        if not file.is_file():
            return
        digest = hashlib.blake2b(file.read_bytes(), digest_size=8).hexdigest()
        if cursor.artifacts.get(path) != digest:
            folder = path.rpartition("/")[0]
            self.client.log_artifact(cursor.run, str(file), folder or None)
            cursor.artifacts[path] = digest
            self.report.artifacts += 1
            self.ledger.save()

    def datasets(self, cursor: RunCursor, splits: Mapping[str, SplitResults], source: Json) -> None:
        """Send the splits as dataset inputs, by name and digest."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        kind = str(source.get("kind", "local"))
        for name, split in splits.items():
            key = f"{name}@{split['digest']}"
            if key not in cursor.inputs:
                dataset = Dataset(
                    name=legal_key(name),
                    digest=split["digest"],
                    source_type=kind,
                    source=json.dumps(source, ensure_ascii=False),
                    profile=json.dumps({k: v for k, v in split.items() if k != "digest"}),
                )
                tags = [InputTag("mlflow.data.context", name)]
                self.client.log_inputs(cursor.run, datasets=[DatasetInput(dataset, tags)])
                cursor.inputs.append(key)
                self.ledger.save()

    def status(self, cursor: RunCursor, status: str, end: int | None) -> None:
        """Set the run's status (RUNNING, FINISHED, FAILED); it ended at `end`, in milliseconds."""
        if cursor.status == status:
            return
        if status == "RUNNING":
            self.client.update_run(cursor.run, status=status)
        else:
            self.client.set_terminated(cursor.run, status, end)
        cursor.status = status
        self.ledger.save()


def _batches(items: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """At most 100 items each, and a size that servers take in one request."""
    batch: list[tuple[str, str]] = []
    size = 0
    for item in items:
        length = len(item[0]) + len(item[1])
        if batch and (len(batch) == PARAMS_PER_BATCH or size + length > CHARACTERS_PER_BATCH):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += length
    if batch:
        yield batch


def _line_batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Whole lines, with at most 1,000 metrics together where a line has no more by itself."""
    batch: list[Line] = []
    size = 0
    for line in lines:
        if batch and size + len(line.metrics) > METRICS_PER_BATCH:
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line.metrics)
    if batch:
        yield batch
