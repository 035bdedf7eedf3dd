"""From a run's folder to the text of its page."""

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from distil.framework.comparison.paid import conclusions
from distil.framework.language.texts import language_of
from distil.framework.language.words import ENGLISH, LANGUAGES, Words
from distil.framework.outcome import Outcome, RunResults
from distil.framework.recipe.yaml_loader import to_yaml
from distil.framework.results import read_results
from distil.framework.search.log import SEARCH, read_search
from distil.framework.tables import NOTHING, comparison_columns, comparison_rows, table_columns, table_rows, variants_in
from distil.framework.tasks.registry import summary_in
from distil.tracking.content import milliseconds
from distil.tracking.html.charts import curves, ensemble, tradeoff
from distil.tracking.html.search import search_parts
from distil.tracking.html.sections import task_sections
from distil.tracking.report import state_line

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


def page_of(folder: Path, words: Words = ENGLISH) -> str:
    """The page of the run or the search in `folder`. Raises StoreError for a damaged file."""
    return search_page(folder, words) if (folder / SEARCH).is_file() else run_page(folder, read_results(folder), words)


def run_page(folder: Path, results: RunResults, words: Words = ENGLISH) -> str:
    """The page of the run in `folder`, which stands whatever of the run is not there (yet, or any more)."""
    variants = [variant for variant in variants_in(results) if f"note {variant}" in words.texts]
    return _page(
        "run.html.j2",
        results,
        words,
        recipe=to_yaml(results["recipe"]),
        state=state_line(results, words),
        paid=_paid(results, words),
        columns=table_columns(results, words),
        rows=table_rows(results, words),
        notes=[words(f"note {variant}", variant=variant) for variant in variants],
        tradeoff=tradeoff(results, words),
        curves=curves(folder, results, words),
        ensemble=ensemble(results, words),
        items=summary_in(results).items,
        sections=task_sections(folder, results, words),
    )


def _paid(results: RunResults, words: Words) -> dict[str, object] | None:
    """Differences and what they say; None where nothing was compared."""
    if not results.get("comparisons"):
        return None
    task = summary_in(results)
    return {
        "conclusions": conclusions(results["comparisons"], task.metrics, task.items, words),
        "columns": comparison_columns(task, words),
        "rows": comparison_rows(results["comparisons"], task, words),
    }


def search_page(folder: Path, words: Words = ENGLISH) -> str:
    """The page of the search in `folder`. Raises StoreError for a damaged search.json."""
    values = read_search(folder)
    best = folder / "best.yaml"
    return _page(
        "search.html.j2",
        values,
        words,
        recipe=best.read_text(encoding="utf-8") if best.is_file() else None,
        search=search_parts(values, words),
    )


def _page(template: str, results: Outcome, words: Words, **parts: object) -> str:
    text = _environment(words.language).get_template(template).render(results=results, nothing=NOTHING, **parts)
    # Texts may hold control characters, which HTML has no way to write.
    return text.translate({code: "\ufffd" for code in range(32) if chr(code) not in "\t\n\r"})


@cache
def _environment(chosen: str) -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("distil.tracking.html", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = LANGUAGES[chosen]
    environment.globals["words"] = words
    environment.filters |= {
        "language": language_of,
        "minute": _minute,
        "figures": words.figures,
        "breakable": _breakable,
        "whole": _whole,
    }
    return environment


def _breakable(name: str) -> "Markup":
    """A name that may be broken after its underscores, hyphens, slashes and dots, and nowhere else inside its words and numbers."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"(?<=[_\-/.])(?=[^\W\d])|(?<=[_\-/])(?=\d)", "<wbr>", str(escape(name))))


def _whole(figure: str) -> "Markup":
    """A figure that is broken, if it has to be, before its interval alone."""
    from markupsafe import Markup

    return Markup(" ").join(
        Markup('<span class="whole">{}</span>').format(part) for part in re.split(r" (?=\[)|(?<=/) ", figure)
    )


def _minute(moment: str) -> str:
    """An ISO 8601 time as people write it."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp((milliseconds(moment) or 0) / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
