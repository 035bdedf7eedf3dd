"""`distil export`: a run's model in a folder for others."""

import os
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from distil.framework.errors import DistilError, ExportError, OutputError
from distil.framework.files import Json
from distil.framework.results import usual_model
from distil.framework.search.log import SEARCH
from distil.launch.console import console_progress, table_console
from distil.launch.inspect import results_of, run_of_best
from distil.launch.quiet import be_quiet

if TYPE_CHECKING:
    from rich.table import Table

    from distil.framework.progress import Progress
    from distil.framework.recipe.schema import Recipe


def export_run(run: Path, to: Path, model: str | None, with_onnx: bool, gguf: str | None = None) -> None:
    """Export a model of a run, and say where it is. Raises as `export_measured` does."""
    export_measured(run, to, model, with_onnx, gguf)
    console_progress().say(f"exported to {to}; its card: {to / 'README.md'}")


def export_measured(run: Path, to: Path, model: str | None, with_onnx: bool, gguf: str | None = None) -> None:
    """Export a model of a run, print what was measured, and send that to MLflow where the run is tracked.

    gguf: see export_model. Raises ExportError, with the folder in place, if a file is missing or does not answer as the model does; UserError.
    """
    be_quiet()
    # ONNX Runtime computes on the CPU here: PyTorch has to as well, or neither logits nor times could be compared.
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    run = _run_of(run)
    results = results_of(run)
    from distil.framework.export.compare import cost
    from distil.framework.export.export import export_model
    from distil.framework.export.finished_run import FinishedRun
    from distil.framework.recipe.load import recipe_from_values
    from distil.launch.quiet import quiet_transformers
    from distil.tracking.mlflow_sync import keep_export
    from distil.tracking.provenance import provenance

    quiet_transformers()
    progress = console_progress()
    recipe = recipe_from_values(results["recipe"], str(run / "results.json"))
    finished = FinishedRun(results, recipe, run.absolute().parent)
    export = export_model(finished, model or usual_model(results), to, with_onnx, provenance(), progress, gguf)
    table_console().print(_table(export))
    if said := cost(export["forms"], recipe.task.metrics):
        progress.say(said)
    try:
        keep_export(run, to, export["model"]["name"])
    except OSError as error:
        progress.say(f"{run} cannot be written ({error.strerror}), so that MLflow will not hear of the export")
    else:
        _track(run, recipe, progress)
    refuse_problems(export, to)


def refuse_problems(export: Json, to: Path) -> None:
    """Raises ExportError if a file of the folder `to` is missing or does not answer as the model does."""
    if export["problems"]:
        raise ExportError(
            f"'{export['model']['name']}' is in {to}, as safetensors that are whole, but not all of its other files are to be "
            f"used: {'. '.join(export['problems'])}"
        )


def _run_of(run: Path) -> Path:
    """The run itself, or that of a search's best trial. Raises OutputError if the latter is not there."""
    if not (run / SEARCH).is_file():
        return run
    best = run_of_best(run)
    if not (best / "results.json").is_file():
        raise OutputError(
            f"{run} is a search, and its best trial has no results of its own yet: `distil run "
            f"{quote(str(run / 'best.yaml'))}` finds the student done and measures the rest; then export again"
        )
    return best


def _track(run: Path, recipe: "Recipe", progress: "Progress") -> None:
    """Send what is new to MLflow, if it knows the run. Whatever happens there, the export is done."""
    from distil.tracking.ledger import CURSOR
    from distil.tracking.mlflow_sync import sync

    if not (run / CURSOR).is_file() or not recipe.tracking.mlflow:
        return
    try:
        sync(run, recipe.tracking, final=False)
    except Exception as error:
        reason = str(error) if isinstance(error, DistilError) else f"tracking failed ({error!r})"
        progress.say(f"{reason}; the export is done; send its figures later with `distil track {quote(str(run))}`")


def _table(export: Json) -> "Table":
    from rich.table import Table

    from distil.framework.export.table import form_columns, form_rows

    table = Table(title=f"{export['run']}: {export['model']['name']}")
    for index, column in enumerate(form_columns(export)):
        table.add_column(column, justify="left" if index < 2 else "right")
    for row in form_rows(export):
        table.add_row(*row)
    return table
