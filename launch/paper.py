"""`distil report --paper`: what runs have measured beside the paper's table."""

import json
from pathlib import Path

from framework.paper import DATASET, QUESTIONS, SPLIT
from framework.recipe.tracking import Tracking
from launch.inspect import results_of
from launch.quiet import be_quiet

_OUTPUT = Path("runs")  # where recipes put their runs unless they say otherwise


def show_paper(runs: list[Path], as_json: bool, markdown: bool) -> None:
    """Print the paper's table with the figures of the runs in these folders, or of all runs that are tracked.

    Raises OutputError for a folder without a run, and TrackingError if MLflow does not answer.
    """
    be_quiet()
    from tracking.destination import destination_of
    from tracking.measured import measured_at, measured_in
    from tracking.paper import as_data, compare
    from tracking.paper_table import paper_markdown, paper_notes, paper_rich

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
