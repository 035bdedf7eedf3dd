"""`distil compare`: models of several runs beside each other, as tables, in Markdown or as JSON."""

import json
from pathlib import Path

from distil.framework.comparison.runs import ComparedRun, Group, RunComparison, compare_runs, mean_and_error
from distil.framework.errors import UserError
from distil.framework.metrics import Metric
from distil.framework.tables import NOTHING, comparison_columns, comparison_rows, markdown_rows
from distil.launch.inspect import results_of
from distil.launch.quiet import be_quiet

Rows = list[tuple[str, ...]]


def compare_runs_at(folders: list[Path], as_json: bool, markdown: bool) -> None:
    """Print how models of the runs in these folders differ. Raises UserError for runs that cannot be compared, or whose data or
    predictions are not there any more."""
    be_quiet()
    found = compare_runs(opened(folders))
    if as_json:
        print(json.dumps(found.as_data(), ensure_ascii=False, indent=2))
        return
    if markdown:
        print(in_markdown(found))
        return
    from rich.table import Table
    from rich.text import Text

    from distil.launch.console import table_console

    console = table_console()
    for title, columns, rows, left in _tables(found):
        table = Table(title=title)
        for index, column in enumerate(columns):
            table.add_column(column, justify="left" if index < left else "right")
        for row in rows:
            table.add_row(*map(Text, row))  # what stands in brackets is no markup
        console.print(table)
    for sentence in found.conclusions:
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)


def in_markdown(found: RunComparison) -> str:
    """Both tables, and the conclusions."""
    tables = (markdown_rows(columns, rows, left) for _, columns, rows, left in _tables(found))
    return "\n\n".join([*tables, *found.conclusions])


def _tables(found: RunComparison) -> tuple[tuple[str, tuple[str, ...], Rows, int], ...]:
    """Each with its title, columns, rows, and how many columns are of words; that of differences where there are any."""
    models = ("models", *_models(found), 3)
    return (models, ("differences", *_differences(found), 2)) if found.differences else (models,)


def opened(folders: list[Path]) -> list[ComparedRun]:
    """The runs, with the data that they were measured on; data that several have in common are read once. Raises UserError."""
    from distil.tracking.html.answers import labelled_examples, task_in

    known = {}
    runs: list[ComparedRun] = []
    for folder in folders:
        if any(folder.resolve() == run.folder.resolve() for run in runs):
            raise UserError(f"{folder} is named twice; name it once")
        results = results_of(folder)
        split = results["recipe"]["evaluation"]["split"]
        digest = str(results["data"]["splits"][split]["digest"])
        if digest not in known:
            known[digest] = labelled_examples(results)
        runs.append(ComparedRun(folder, results, task_in(results), known[digest]))
    return runs


def _models(found: RunComparison) -> tuple[tuple[str, ...], Rows]:
    columns = ("recipe", "model", "role", "seeds", *(metric.label for metric in found.task.metrics))
    return columns, [
        (
            group.label,
            name,
            group.runs[0].models[name]["role"],
            str(len(group.runs)),
            *(_figure(group, name, metric) for metric in found.task.metrics),
        )
        for group in found.groups
        for name in group.names
    ]


def _figure(group: Group, name: str, metric: Metric) -> str:
    """The mean over seeds, with its standard error."""
    figures = group.figures(name, metric)
    if not figures:
        return NOTHING
    mean, error = mean_and_error(figures)
    return " ± ".join(metric.beside([mean] if error is None else [mean, error]))


def _differences(found: RunComparison) -> tuple[tuple[str, ...], Rows]:
    rows = comparison_rows(found.differences, found.task)
    how = ["paired" if one["paired"] else "unpaired" for one in found.differences]
    return (*comparison_columns(found.task), "examples"), [(*row, one) for row, one in zip(rows, how, strict=True)]
