"""`distil report` and `distil track`: a run or a search as a table, a page, beside the paper's table, or in MLflow."""

import json
from pathlib import Path

from framework.errors import OutputError
from framework.files import write_atomic
from framework.paper import DATASET, QUESTIONS, SPLIT
from framework.recipe.sections import Tracking
from framework.search.log import SEARCH, read_search
from launch.inspect import results_of
from launch.quiet import be_quiet


def show_report(run: Path, as_json: bool, markdown: bool) -> None:
    """Print the results of a run as a table, Markdown or JSON. Raises OutputError if there is no run."""
    from tracking.report import markdown_table, rich_table

    results = results_of(run)
    if as_json:
        print(json.dumps(results, ensure_ascii=False, indent=2))
    elif markdown:
        print(markdown_table(results), end="")
    else:
        from launch.console import table_console

        table_console().print(rich_table(results))


def track_run(run: Path) -> None:
    """Send a run to MLflow. Raises OutputError, RecipeError or TrackingError."""
    be_quiet()
    from tracking.mlflow_sync import sync

    results = read_search(run) if (run / SEARCH).is_file() else results_of(run)
    report = sync(run, Tracking.model_validate(results["recipe"]["tracking"]), final=True)
    for note in report.notes:
        print(note)
    print(f"{results['run']} is at {report.uri}, experiment '{report.experiment}', run {report.run_id}")


_PAGE = "report.html"


def write_html(run: Path, to: Path | None) -> None:
    """Write the page of the run or search in `run` to a file, by default in that folder. Raises OutputError or StoreError."""
    be_quiet()
    from tracking.html.page import run_page, search_page

    path = run / _PAGE if to is None else to
    if path.is_dir():
        raise OutputError(f"{path} is a folder; name another file with --to FILE")
    page = search_page(run) if (run / SEARCH).is_file() else run_page(run, results_of(run))
    try:
        write_atomic(path, page)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; name another file with --to FILE") from None
    print(f"the page is {path}")


_OUTPUT = Path("runs")  # where recipes put their runs unless they say otherwise


def show_paper(runs: list[Path], as_json: bool, markdown: bool) -> None:
    """Print the paper's table with the figures of the runs in these folders, or of all runs that are tracked.

    Raises OutputError for a folder without a run, and TrackingError if MLflow does not answer.
    """
    be_quiet()
    from tracking.client import destination_of
    from tracking.measured import measured_at, measured_in
    from tracking.paper import as_data, compare, paper_markdown, paper_notes, paper_rich

    if runs:
        source = ", ".join(str(run) for run in runs)
        comparisons = compare(one for run in runs for one in measured_in(results_of(run)))
    else:
        destination = destination_of(Tracking(), _OUTPUT)
        source = f"experiment '{destination.experiment}' of {destination.shown}"
        comparisons = compare(measured_at(destination, DATASET))
    if as_json:
        found = {"source": source, "dataset": DATASET, "split": SPLIT, "questions": QUESTIONS}
        print(json.dumps({**found, "rows": as_data(comparisons)}, ensure_ascii=False, indent=2))
    elif markdown:
        print(paper_markdown(comparisons, source), end="")
    else:
        from launch.console import table_console

        console = table_console()
        console.print(paper_rich(comparisons))
        for note in paper_notes(comparisons, source):
            console.print(note, markup=False, highlight=False)
