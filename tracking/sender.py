"""The pieces that a run is sent to MLflow in.

The ledger is written after every piece that was sent. A crash in between leaves one piece to be sent twice, and every
piece is such that sending it twice changes nothing."""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from distil.framework.files import Json
from distil.framework.outcome import SplitResults
from distil.tracking.content import KEY_TAG, Line, legal_key, new_lines
from distil.tracking.ledger import Ledger, RunCursor

if TYPE_CHECKING:
    from mlflow import MlflowClient

METRICS_PER_BATCH = 1000
PARAMS_PER_BATCH = 100
CHARACTERS_PER_BATCH = 100_000


@dataclass
class SyncReport:
    """What one synchronisation sent."""

    uri: str
    experiment: str
    experiment_id: str
    run_id: str | None = None
    params: int = 0
    metrics: int = 0
    artifacts: int = 0
    models: int = 0
    notes: list[str] = field(default_factory=list)
    """What could not be sent, and why, one sentence each."""

    def look(self) -> str:
        """How to look at it: the address of its page, under "Model training", which MLflow does not show by itself."""
        page = f"#/experiments/{self.experiment_id}/runs/{self.run_id}?workflowType=machine_learning"
        if self.uri.startswith(("http://", "https://")):
            return f"to look at it: {self.uri.rstrip('/')}/{page}"
        return f"to look at it: mlflow ui --backend-store-uri '{self.uri}', then http://127.0.0.1:5000/{page}"


@dataclass(frozen=True)
class Link:
    """What figures of a run are of: a logged model, and the dataset on which they were measured; keys: which figures are."""

    model_id: str
    keys: Collection[str]
    dataset: tuple[str, str] | None
    """Name and digest."""

    @property
    def place(self) -> dict[str, str]:
        """As MLflow's metrics name it."""
        names = {} if self.dataset is None else {"dataset_name": self.dataset[0], "dataset_digest": self.dataset[1]}
        return {"model_id": self.model_id, **names}


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

    def metrics(
        self, cursor: RunCursor, metrics: Mapping[str, float], milliseconds: int, link: "Link | None" = None
    ) -> None:
        """Send single figures that are new or have changed, at step 0, those of a logged model to that as well."""
        from mlflow.entities import Metric

        linked = {key: value for key, value in metrics.items() if link is not None and key in link.keys}
        changed = {key: value for key, value in metrics.items() if cursor.metrics.get(key) != value}
        changed |= {key: value for key, value in linked.items() if cursor.linked.get(key) != value}
        if changed:
            rows = [
                Metric(key, value, milliseconds, 0, **(link.place if link is not None and key in linked else {}))
                for key, value in changed.items()
            ]
            for start in range(0, len(rows), METRICS_PER_BATCH):
                self.client.log_batch(cursor.run, metrics=rows[start : start + METRICS_PER_BATCH])
            cursor.metrics.update(changed)
            cursor.linked.update(linked)
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
        from mlflow.exceptions import MlflowException

        kind = str(source.get("kind", "local"))
        for name, split in splits.items():
            key = f"{name}@{split['digest']}"
            if key not in cursor.inputs:
                dataset = Dataset(
                    name=dataset_of(name, split)[0],
                    digest=dataset_of(name, split)[1],
                    source_type=kind,
                    source=json.dumps(source, ensure_ascii=False),
                    profile=json.dumps({k: v for k, v in split.items() if k != "digest"}),
                )
                tags = [InputTag("mlflow.data.context", name)]
                inputs = [DatasetInput(dataset, tags)]
                try:
                    self.client.log_inputs(cursor.run, datasets=inputs)
                except MlflowException:  # another run may have entered the dataset meanwhile: then it is found
                    self.client.log_inputs(cursor.run, datasets=inputs)
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


def dataset_of(name: str, split: SplitResults) -> tuple[str, str]:
    """Name and digest by which MLflow knows a split."""
    return legal_key(name), split["digest"]


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
