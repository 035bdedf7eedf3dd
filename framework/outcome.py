"""Reading what a run or a search has found out: results.json and search.json, whole and in the form of this version."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ValidationError

from framework.alone import true_state
from framework.errors import StoreError
from framework.sealed import read_sealed
from framework.tasks.summary import summary_in

FORMAT = 1
State = Literal["running", "finished", "failed"]
Fields = dict[str, Any]


def _is_task(found: object) -> object:
    summary_in({"task": found})
    return found


Task = Annotated[object, AfterValidator(_is_task)]  # None: an older file


class ModelShape(BaseModel, strict=True):
    """What is read of a model's entry in results.json, whatever else is known of it."""

    name: str
    role: Literal["teacher", "ensemble", "baseline", "student"]
    digest: str
    folder: str | None
    history: str | None
    parameters: int | None
    settings: Fields
    evaluation: Fields | None
    latency: Fields | None
    predictions: str | None


class RunShape(BaseModel, strict=True):
    """What is read of results.json."""

    name: str
    run: str
    state: State
    recipe: Fields
    task: Task = None
    data: Fields
    signals: list[Fields]
    models: list[ModelShape]


class TrialShape(BaseModel, strict=True):
    """What is read of a trial in search.json."""

    number: int
    state: Literal["waiting", "running", "stopped", "finished", "pruned", "failed", "lost"]
    reason: str | None
    parameters: Fields
    values: Fields
    started: str | None
    ended: str | None
    epochs: list[dict[str, float]]
    metrics: dict[str, float] | None
    seeds: list[Fields]


class SearchShape(BaseModel, strict=True):
    """What is read of search.json."""

    name: str
    run: str
    state: State
    seconds: float
    recipe: Fields
    task: Task = None
    best: int | None
    front: list[int] | None
    trials: list[TrialShape]


def read_outcome(path: Path, shape: type[BaseModel], remedy: str) -> dict[str, Any]:
    """The values in such a file; the state `running` of who was killed reads `failed`.

    Files of before, which have no checksum, are held against their `shape` alone. Raises StoreError, which ends with the
    `remedy`, for a damaged file, and for one of another format; OSError.
    """
    try:
        values = read_sealed(path)
    except ValueError as error:
        raise StoreError(f"{path} is damaged ({error}); {remedy}") from None
    if values.get("format") != FORMAT:
        raise StoreError(f"{path} is of format {values.get('format')}; this version reads format {FORMAT}")
    try:
        shape.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise StoreError(f"{path} is damaged ({place}: {first['msg']}); {remedy}") from None
    return {**values, "state": true_state(path.parent, values["state"])}
