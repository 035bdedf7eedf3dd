"""Reading what a run or a search has found out: results.json and search.json, whole and in the form of this version."""

from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypeVar, cast

from pydantic import AfterValidator, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from framework.errors import StoreError
from framework.files import read_sealed
from framework.locks import true_state
from framework.tasks.summary import summary_in

FORMAT = 1
State = Literal["running", "finished", "failed"]
Role = Literal["teacher", "ensemble", "baseline", "student"]
TrialState = Literal["waiting", "running", "stopped", "finished", "pruned", "failed", "lost"]
Fields = dict[str, Any]


def _is_task(found: object) -> object:
    summary_in({"task": found})
    return found


Task = Annotated[object, AfterValidator(_is_task)]  # None: an older file


class ModelResults(TypedDict):
    """A model's entry in results.json."""

    name: str
    role: Role
    folder: str | None
    history: str | None
    digest: str
    reused: NotRequired[bool]
    parameters: int | None
    settings: Fields
    training: NotRequired[Fields | None]
    evaluation: Fields | None
    latency: Fields | None
    predictions: str | None
    trimmed: NotRequired[Fields]
    transductive: NotRequired[bool]
    weights: NotRequired[Fields]


class RunResults(TypedDict):
    """results.json. docs/results.md says what the fields mean."""

    format: NotRequired[int]
    name: str
    run: str
    state: State
    started: NotRequired[str]
    finished: NotRequired[str | None]
    recipe: Fields
    task: NotRequired[Task]
    provenance: NotRequired[Fields]
    data: Fields
    signals: list[Fields]
    held_out: NotRequired[dict[str, Fields]]
    accepted: NotRequired[list[Fields]]
    models: list[ModelResults]


class TrialResults(TypedDict):
    """A trial in search.json."""

    number: int
    state: TrialState
    reason: str | None
    parameters: Fields
    values: Fields
    started: str | None
    ended: str | None
    epochs: list[dict[str, float]]
    metrics: dict[str, float] | None
    seeds: list[Fields]


class SearchResults(TypedDict):
    """search.json. docs/search.md says what the fields mean."""

    format: NotRequired[int]
    name: str
    run: str
    state: State
    started: NotRequired[str]
    finished: NotRequired[str | None]
    seconds: float
    recipe: Fields
    task: NotRequired[Task]
    provenance: NotRequired[Fields]
    best: int | None
    front: list[int] | None
    trials: list[TrialResults]


_Outcome = TypeVar("_Outcome", RunResults, SearchResults)


def read_outcome(path: Path, form: type[_Outcome], remedy: str) -> _Outcome:
    """The values in such a file; the state `running` of who was killed reads `failed`.

    Files of before, which have no checksum, are held against their `form` alone. Raises StoreError, which ends with the
    `remedy`, for a damaged file, and for one of another format; OSError.
    """
    try:
        values = read_sealed(path)
    except ValueError as error:
        raise StoreError(f"{path} is damaged ({error}); {remedy}") from None
    if values.get("format") != FORMAT:
        raise StoreError(f"{path} is of format {values.get('format')}; this version reads format {FORMAT}")
    try:
        TypeAdapter(form).validate_python(values, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise StoreError(f"{path} is damaged ({place}: {first['msg']}); {remedy}") from None
    return cast(_Outcome, {**values, "state": true_state(path.parent, values["state"])})
