"""What runs have measured beside the paper's table: for a terminal, in Markdown, as data."""

import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from distil.framework.files import Json
from distil.framework.language.words import count_of
from distil.framework.paper import DATASET, PUBLISHED, QUESTIONS, SPLIT, TABLE, TEACHER, TRAINING_SPLIT, Row
from distil.framework.tables import NOTHING, markdown_rows, short_count
from distil.tracking.measured import Measured

if TYPE_CHECKING:
    from rich.table import Table

_NORMAL = 1.959964  # half the width of a 95 % interval, in standard errors


@dataclass(frozen=True)
class Figure:
    """A measured figure in percent.

    value: of the latest model or, with several seeds, their mean; difference: from the paper's; standard_error: over
    the questions (None if the run has no interval to take it from); spread: standard deviation over the seeds, None of
    one.
    """

    value: float
    difference: float
    standard_error: float | None
    spread: float | None


@dataclass(frozen=True)
class Found:
    """What was measured of a row. run: the latest; models: how many were trained, of any settings; seeds: of those
    with the latest one's settings."""

    run: str
    models: int
    seeds: list[int]
    questions: int
    parameters: int
    exact_match: Figure
    f1: Figure


Comparison = tuple[Row, Found | None]


def compare(measured: Iterable[Measured]) -> list[Comparison]:
    """Each row of the paper's table with what was measured of it."""
    by_row: dict[Row, dict[str, Measured]] = {}
    for one in sorted(measured, key=lambda one: one.started):
        row = row_of(one)
        if row is not None:
            # Runs that share a model have measured one model.
            by_row.setdefault(row, {})[one.digest] = one
    return [(row, _found(row, list(by_row[row].values())) if row in by_row else None) for row in TABLE]


def as_data(comparisons: list[Comparison]) -> list[Json]:
    """The comparison as plain data."""
    return [{"paper": asdict(row), "measured": asdict(found) if found else None} for row, found in comparisons]


def row_of(one: Measured) -> Row | None:
    """The row of the paper that a model repeats: the same model from the hub, trained on all of SberQuAD's training
    questions, in the same way, and measured on its validation split."""
    split = one.at("evaluation.split")
    same_data = one.at("data.source.id") == DATASET and "true" not in (
        one.at("data.unanswerable"),
        one.at("task.unanswerable"),
    )
    if not same_data or one.at(f"data.splits.{split}") != SPLIT:
        return None
    if one.role == "teacher":
        return _teacher_row(one, one.name)
    taught = one.settings.get("teachers")
    if taught is None:
        # The baseline beside a distilled student takes that student's steps; the paper's takes more.
        usual = one.role == "student"
    else:
        teacher = _teacher_row(one, taught)  # of several teachers there is none by this name
        usual = teacher is not None and teacher.model == TEACHER and one.at("student.unlabelled") == "[]"
    if not usual or not _sees_all(one, "student"):
        return None
    return _row("student", one.at("student.model.id"), taught is not None)


def _teacher_row(one: Measured, name: str) -> Row | None:
    place = f"teachers.{name}"
    fine_tuned = one.at(f"{place}.fine_tune.lr") is not None
    return _row("teacher", one.at(f"{place}.model.id"), False) if fine_tuned and _sees_all(one, place) else None


def _sees_all(one: Measured, place: str) -> bool:
    return one.at(f"data.splits.{one.at(f'{place}.split')}") == TRAINING_SPLIT


def _row(role: str, model: str | None, taught: bool) -> Row | None:
    return next((row for row in TABLE if (row.role, row.model, row.taught) == (role, model, taught)), None)


def _found(row: Row, models: list[Measured]) -> Found:
    """models: at least one, the latest last."""
    latest = models[-1]
    alike = {one.settings.get("seed", ""): one for one in models if _settings(one) == _settings(latest)}
    chosen = list(alike.values())
    return Found(
        run=latest.run,
        models=len(models),
        seeds=sorted(int(seed) for seed in alike),
        questions=int(latest.figures["examples"]),
        parameters=int(latest.figures["parameters"]),
        exact_match=_figure(chosen, "exact_match", row.exact_match, _binomial),
        f1=_figure(chosen, "f1", row.f1, _from_interval),
    )


def _settings(one: Measured) -> dict[str, str]:
    """How a model was trained, but for the seed."""
    own = f"teachers.{one.name}." if one.role == "teacher" else "student."
    places = ("windows.", own, *(["teachers."] if "teachers" in one.settings else []))
    recipe = {place: text for place, text in one.recipe.items() if place.startswith(places)}
    return {place: text for place, text in {**recipe, **one.settings}.items() if not f".{place}".endswith(".seed")}


def _figure(models: list[Measured], name: str, paper: float, error_of: Callable[[Measured], float | None]) -> Figure:
    values = [one.figures[name] for one in models]
    errors = [error for one in models if (error := error_of(one)) is not None]
    value = statistics.fmean(values)
    return Figure(
        value=value,
        difference=value - paper,
        standard_error=statistics.fmean(errors) if len(errors) == len(models) else None,
        spread=statistics.stdev(values) if len(values) > 1 else None,
    )


def _binomial(one: Measured) -> float:
    """Standard error of a share of the questions, in percent."""
    share = one.figures["exact_match"] / 100
    return 100 * math.sqrt(share * (1 - share) / one.figures["examples"])


def _from_interval(one: Measured) -> float | None:
    """Standard error by which F1's 95 % bootstrap interval is as wide as it is."""
    low, high = one.figures.get("f1_low"), one.figures.get("f1_high")
    return None if low is None or high is None else (high - low) / (2 * _NORMAL)


TITLE = f"The paper's table, on the {QUESTIONS:,} questions of {DATASET}'s {SPLIT} split"
COLUMNS = (
    "model",
    "runs here",
    "parameters, paper / here",
    "EM, paper",
    "EM, here ± s.e.",
    "EM, diff.",
    "F1, paper",
    "F1, here ± s.e.",
    "F1, diff.",
)
_LEFT = 2


def paper_rows(comparisons: list[Comparison]) -> list[tuple[str, ...]]:
    """One row of text for each of the paper's, under `COLUMNS`."""
    return [_cells(row, found) for row, found in comparisons]


def paper_notes(comparisons: list[Comparison], source: str) -> list[str]:
    """What the table needs said. source: where the runs were read from."""
    notes = [
        f"Read from {source}. EM and F1 in percent; diff.: here less the paper. Recipes are in recipes/sberquad/.",
        "s.e.: standard error over the questions, of EM the binomial one, of F1 a 95% bootstrap interval's half width / "
        "1.96. Other seeds come on top of it; of several seeds of the latest settings the mean is shown, and in `runs` their "
        "standard deviation, EM / F1.",
    ]
    layers = {row.name: PUBLISHED[row.model].output_layer for row, _ in comparisons}
    untied = ", ".join(f"{name} {short_count(size)}" for name, size in layers.items() if size)
    notes.append(f"The paper does not count an output layer of its own, which the hub's weights have: {untied}.")
    return notes


def paper_rich(comparisons: list[Comparison]) -> "Table":
    """The table for a terminal."""
    from rich.table import Table

    table = Table(title=TITLE)
    for index, column in enumerate(COLUMNS):
        left = index < _LEFT
        table.add_column(column.replace(", ", "\n"), justify="left" if left else "right", no_wrap=left)
    for cells in paper_rows(comparisons):
        table.add_row(*cells)
    return table


def paper_markdown(comparisons: list[Comparison], source: str) -> str:
    """The table in Markdown, with its notes."""
    table = markdown_rows(COLUMNS, paper_rows(comparisons), _LEFT)
    return "\n\n".join([f"# {TITLE}", table, *paper_notes(comparisons, source)]) + "\n"


def _cells(row: Row, found: Found | None) -> tuple[str, ...]:
    exact_match, f1 = (f"{value:.2f}" for value in (row.exact_match, row.f1))
    return (
        row.name,
        f"not run: {row.recipe}" if found is None else _runs(found),
        f"{row.parameters}M / {NOTHING if found is None else short_count(found.parameters)}",
        exact_match,
        *_figure_text(None if found is None else found.exact_match),
        f1,
        *_figure_text(None if found is None else found.f1),
    )


def _runs(found: Found) -> str:
    parts = [str(found.models)]
    if found.exact_match.spread is not None and found.f1.spread is not None:
        spread = f"{found.exact_match.spread:.2f} / {found.f1.spread:.2f}"
        parts.append(f"{count_of(len(found.seeds), 'seed')}, {spread}")
    if found.questions != QUESTIONS:
        parts.append(f"on {count_of(found.questions, 'question')}")
    return "; ".join(parts)


def _figure_text(figure: Figure | None) -> tuple[str, str]:
    if figure is None:
        return NOTHING, NOTHING
    error = "" if figure.standard_error is None else f" ± {figure.standard_error:.2f}"
    return f"{figure.value:.2f}{error}", f"{figure.difference:+.2f}"
