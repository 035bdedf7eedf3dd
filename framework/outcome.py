"""Reading what a run or a search has found out: results.json and search.json, whole and in the form of this version."""

from pathlib import Path
from typing import Annotated, Literal, NotRequired, TypeVar, cast

from pydantic import AfterValidator, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from distil.framework.errors import StoreError
from distil.framework.files import Json, read_sealed
from distil.framework.locks import true_state
from distil.framework.tasks.registry import summary_in

FORMAT = 1
State = Literal["running", "finished", "failed"]
Role = Literal["teacher", "ensemble", "baseline", "student"]
Verdict = Literal["better", "worse", "open"]
TrialState = Literal["waiting", "running", "stopped", "finished", "pruned", "failed", "lost"]


def _is_task(found: object) -> object:
    summary_in({"task": found})
    return found


Task = Annotated[object, AfterValidator(_is_task)]  # None: an older file


class Provenance(TypedDict, total=False):
    """Where results come from; None: not known."""

    git_commit: str | None
    git_dirty: bool | None
    python: str
    platform: str
    cpus: int | None
    device: str
    versions: dict[str, str]


class SplitResults(TypedDict, total=False):
    """A split of the data."""

    examples: int
    digest: str
    questions_unlabelled: int
    repaired: int
    dropped: int
    notes: Json


def counts_of(split: SplitResults) -> tuple[int | None, int | None, int | None, int | None]:
    """Counts in the order of tables: examples, those without labels, those repaired, those dropped."""
    return split.get("examples"), split.get("questions_unlabelled"), split.get("repaired"), split.get("dropped")


class DataResults(TypedDict, total=False):
    """The data: their source, as in the recipe, and splits by name."""

    source: Json
    splits: dict[str, SplitResults]


class SignalResults(TypedDict):
    """Signals of a teacher on a split; None: not known yet."""

    teacher: str
    split: str
    digest: str
    examples: NotRequired[int | None]
    bytes_per_example: NotRequired[float | None]
    null_mass: NotRequired[float | None]
    left_out: NotRequired[int]
    usage: NotRequired[Json]
    moved_mass: NotRequired[float | None]
    reused: NotRequired[bool]


class RoundResults(TypedDict, total=False):
    """A student after so many rounds on texts of its own. texts: those of the last one; training, evaluation: what it came to; nothing that is not known yet."""

    round: int
    digest: str
    history: str
    texts: int
    training: Json
    evaluation: Json


class ModelResults(TypedDict):
    """A model's entry in results.json."""

    name: str
    role: Role
    folder: str | None
    history: str | None
    digest: str
    reused: NotRequired[bool]
    parameters: int | None
    dtype: NotRequired[str | None]
    settings: Json
    started: NotRequired[str | None]
    finished: NotRequired[str | None]
    training: NotRequired[Json | None]
    evaluation: Json | None
    latency: Json | None
    predictions: str | None
    card: NotRequired[str]
    trimmed: NotRequired[Json]
    transductive: NotRequired[bool]
    rounds: NotRequired[list[RoundResults]]
    weights: NotRequired[Json]
    usage: NotRequired[Json]


class DifferenceResults(TypedDict):
    """A difference of a metric. verdict: of the model that it is said of; open: these examples do not tell; error: standard error
    over seeds, None of one."""

    difference: float
    interval: list[float]
    error: float | None
    verdict: Verdict


class ComparisonResults(TypedDict):
    """One model beside another, by metric. differing: answers that differ, over all seeds, None where they have no examples in
    common."""

    model: str
    against: str
    examples: int
    seeds: int
    paired: bool
    differing: int | None
    metrics: dict[str, DifferenceResults]


class Outcome(TypedDict):
    """What results.json and search.json both say."""

    format: NotRequired[int]
    name: str
    run: str
    state: State
    started: NotRequired[str]
    finished: NotRequired[str | None]
    recipe: Json
    task: NotRequired[Task]
    provenance: NotRequired[Provenance]


class RunResults(Outcome):
    """results.json. docs/results.md says what the fields mean."""

    data: DataResults
    signals: list[SignalResults]
    held_out: NotRequired[dict[str, Json]]
    accepted: NotRequired[list[Json]]
    models: list[ModelResults]
    comparisons: NotRequired[list[ComparisonResults]]
    conclusions: NotRequired[list[str]]


class TrialResults(TypedDict):
    """A trial in search.json. after: seconds of the search, without interruptions, after which it ended."""

    number: int
    state: TrialState
    reason: str | None
    parameters: Json
    values: Json
    started: str | None
    ended: str | None
    after: NotRequired[float | None]
    epochs: list[dict[str, float]]
    metrics: dict[str, float] | None
    seeds: list[Json]


class SearchResults(Outcome):
    """search.json. docs/search.md says what the fields mean."""

    data: NotRequired[DataResults | None]
    seconds: float
    idle: NotRequired[float | None]
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
