"""From a run's folder to the text of its page."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from distil.framework.outcome import Outcome, RunResults
from distil.framework.recipe.yaml_loader import to_yaml
from distil.framework.search.log import read_search
from distil.framework.tables import NOTHING, comparison_columns, comparison_rows, table_columns, table_rows
from distil.framework.tasks.registry import summary_in
from distil.tracking.content import milliseconds
from distil.tracking.html.cases import language
from distil.tracking.html.charts import curves, ensemble, tradeoff
from distil.tracking.html.search import search_parts
from distil.tracking.html.sections import task_sections
from distil.tracking.report import state_line

if TYPE_CHECKING:
    from jinja2 import Environment


def run_page(folder: Path, results: RunResults) -> str:
    """The page of the run in `folder`, which stands whatever of the run is not there (yet, or any more)."""
    return _page(
        "run.html.j2",
        results,
        recipe=to_yaml(results["recipe"]),
        state=state_line(results),
        paid=_paid(results),
        columns=table_columns(results),
        rows=table_rows(results),
        tradeoff=tradeoff(results),
        curves=curves(folder, results),
        ensemble=ensemble(results),
        items=summary_in(results).items,
        sections=task_sections(folder, results),
    )


def _paid(results: RunResults) -> dict[str, object] | None:
    """Differences and what they say; None where nothing was compared."""
    if not results.get("comparisons"):
        return None
    task = summary_in(results)
    return {
        "conclusions": results["conclusions"],
        "columns": comparison_columns(task),
        "rows": comparison_rows(results["comparisons"], task),
    }


def search_page(folder: Path) -> str:
    """The page of the search in `folder`. Raises StoreError for a damaged search.json."""
    values = read_search(folder)
    best = folder / "best.yaml"
    return _page(
        "search.html.j2",
        values,
        recipe=best.read_text(encoding="utf-8") if best.is_file() else None,
        search=search_parts(values),
    )


def _page(template: str, results: Outcome, **parts: object) -> str:
    text = _environment().get_template(template).render(results=results, nothing=NOTHING, **parts)
    # Texts may hold control characters, which HTML has no way to write.
    return text.translate({code: "\ufffd" for code in range(32) if chr(code) not in "\t\n\r"})


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("distil.tracking.html", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"language": language, "minute": _minute}
    return environment


def _minute(moment: str) -> str:
    """An ISO 8601 time as people write it."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp((milliseconds(moment) or 0) / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
