"""The export of a model in MLflow: its figures and its card, on the model's run."""

from pathlib import Path
from typing import Any

from framework.errors import StoreError, first_line
from framework.files import read_json, write_atomic
from framework.outcome import ModelResults
from tracking.cursor import RunCursor
from tracking.keys import numbers
from tracking.sender import Sender

FIGURES, CARD = "export.json", "README.md"


def keep_export(run_folder: Path, exported: Path, model: str) -> None:
    """Keep what was measured of an export, and its card, in the run's folder, from where `sync` sends it."""
    for name in (CARD, FIGURES):
        write_atomic(run_folder / _folder(model) / name, (exported / name).read_bytes())


def send_export(sender: Sender, cursor: RunCursor, run_folder: Path, model: ModelResults) -> None:
    """Send the latest export of a model, if there is one: metrics `export/...`, both files as artifacts."""
    path = run_folder / _folder(model["name"]) / FIGURES
    if not path.is_file():
        return
    try:
        export = read_json(path)
        measured, metrics = export["model"]["digest"], export_metrics(export)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(
            f"{path} is damaged ({first_line(error)}); export the model anew, or delete that folder"
        ) from None
    if measured != model["digest"]:  # of the model as it was before
        return
    sender.metrics(cursor, metrics, path.stat().st_mtime_ns // 1_000_000)
    for name in (CARD, FIGURES):
        sender.artifact(cursor, run_folder, f"{_folder(model['name'])}/{name}")


def export_metrics(export: dict[str, Any]) -> dict[str, float]:
    """The figures of the forms, and the times of the model's own: `export/FORM/...`."""
    forms: dict[str, Any] = {form: dict(found) for form, found in export["forms"].items()}
    for row in export["latency"]:
        if row["model"] == export["model"]["name"]:
            times = {name: row[name] for name in ("median_ms", "p95_ms")}
            forms[row["form"]][f"latency_{row['threads']}_threads"] = times
    return numbers({"export": forms})


def _folder(model: str) -> str:
    return f"exports/{model}"
