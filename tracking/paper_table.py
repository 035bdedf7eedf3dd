"""The paper's table with what was measured beside it: for a terminal and in Markdown."""

from typing import TYPE_CHECKING

from framework.paper import DATASET, PUBLISHED, QUESTIONS, SPLIT, Row
from framework.tables import NOTHING, markdown_rows, short_count
from tracking.paper import Comparison, Figure, Found

if TYPE_CHECKING:
    from rich.table import Table

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
    return [_row(row, found) for row, found in comparisons]


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


def _row(row: Row, found: Found | None) -> tuple[str, ...]:
    exact_match, f1 = (f"{value:.2f}" for value in (row.exact_match, row.f1))
    return (
        row.name,
        f"not run: {row.recipe}" if found is None else _runs(found),
        f"{row.parameters}M / {NOTHING if found is None else short_count(found.parameters)}",
        exact_match,
        *_figure(None if found is None else found.exact_match),
        f1,
        *_figure(None if found is None else found.f1),
    )


def _runs(found: Found) -> str:
    parts = [str(found.models)]
    if found.exact_match.spread is not None and found.f1.spread is not None:
        spread = f"{found.exact_match.spread:.2f} / {found.f1.spread:.2f}"
        parts.append(f"{len(found.seeds)} seeds, {spread}")
    if found.questions != QUESTIONS:
        parts.append(f"on {found.questions:,} questions")
    return "; ".join(parts)


def _figure(figure: Figure | None) -> tuple[str, str]:
    if figure is None:
        return NOTHING, NOTHING
    error = "" if figure.standard_error is None else f" ± {figure.standard_error:.2f}"
    return f"{figure.value:.2f}{error}", f"{figure.difference:+.2f}"
