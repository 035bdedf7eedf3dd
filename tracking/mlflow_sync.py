"""Copying a run from its folder to MLflow, by one function that may be called at any time and repeatedly; exports of its models too:
their figures and cards, on the models' runs."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from distil.framework.errors import OutputError, StoreError, TrackingError, first_line
from distil.framework.extras import need
from distil.framework.files import Json, read_json, write_atomic
from distil.framework.locks import locked
from distil.framework.outcome import ModelResults, RunResults
from distil.framework.recipe.sections import Tracking
from distil.framework.results import read_results
from distil.framework.search.log import SEARCH
from distil.tracking import content
from distil.tracking.client import Destination, destination_of, experiment_id, open_client, readable_errors
from distil.tracking.content import numbers
from distil.tracking.ledger import CURSOR, Ledger, RunCursor
from distil.tracking.logged_model import begin_model, send_model
from distil.tracking.registered import register
from distil.tracking.search_sync import send_search
from distil.tracking.sender import Link, Sender, SyncReport, dataset_of
from distil.tracking.sent import whole_of
from distil.tracking.shown import is_logged

RESULTS, REPORT = "results.json", "report.html"
LOCK_SECONDS = 10


def sync(run_folder: Path, tracking: Tracking, final: bool) -> SyncReport:
    """Send to MLflow what it has not got yet of the run in `run_folder`.

    `final` also logs the students as models, where `tracking` asks for it.

    Raises:
        MissingPackageError: MLflow is not installed.
        OutputError: there is no run in the folder.
        UserError: MLFLOW_TRACKING_URI is not something that MLflow can track to.
        StoreError: the run's files are damaged.
        TrackingError: MLflow did not take it; what has been sent is noted, and a later call sends the rest.
    """
    need("tracking", "mlflow")
    if results_file(run_folder) is None:
        raise OutputError(
            f"{run_folder} holds no {RESULTS}; expected the folder of a run, such as runs/quickstart-1a2b3c4d"
        )
    destination = destination_of(tracking, run_folder.absolute().parent)
    with _alone(run_folder), readable_errors(destination):
        whole = whole_of(run_folder, tracking) if final else None  # as it is now: it may go on meanwhile
        return _send(run_folder, destination, tracking, whole)


def results_file(run_folder: Path) -> Path | None:
    """The file that holds what a run, or a search, has found out; None where there is none."""
    return next((path for name in (SEARCH, RESULTS) if (path := run_folder / name).is_file()), None)


@contextmanager
def _alone(run_folder: Path) -> Iterator[None]:
    """Keep other processes from sending the same run at the same time."""
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(run_folder / ".tracked.lock", f"tracking of {run_folder}", LOCK_SECONDS))
        except TimeoutError as error:
            raise TrackingError(f"{error}; wait until it has ended") from None
        except OSError as error:
            raise OutputError(
                f"{run_folder} cannot be written ({error.strerror}), and what has been sent is noted there; "
                "make it writable, or copy it to a folder that is"
            ) from None
        yield


def _send(folder: Path, destination: Destination, tracking: Tracking, whole: str | None) -> SyncReport:
    """whole: the digest of what is sent, if that is all of an ended run."""
    found = results_file(folder)
    assert found is not None
    # The file's time and not the clock's: a figure that is sent twice is the same row in MLflow.
    written = found.stat().st_mtime_ns // 1_000_000
    ledger = Ledger(folder / CURSOR, destination.key)
    client = open_client(destination)
    report = SyncReport(destination.shown, destination.experiment, experiment_id(client, destination))
    sender = Sender(client, report.experiment_id, ledger, report)
    if ledger.cursor.parent.run_id is not None and not sender.exists(ledger.cursor.parent):
        ledger.forget()
    if found.name == SEARCH:
        send_search(sender, folder, written, whole is not None, tracking)
    else:
        _send_results(sender, read_results(folder), folder, written, whole is not None, tracking)
    if not report.notes and ledger.cursor.whole != whole:
        ledger.cursor.whole = whole
        ledger.save()
    return report


def _send_results(
    sender: Sender, results: RunResults, folder: Path, written: int, final: bool, tracking: Tracking
) -> None:
    cursors = sender.ledger.cursor
    parent = _send_run(sender, results, folder, written)
    for model in results["models"]:
        cursor = cursors.model(model["name"], model["digest"])
        if not _send_model_run(sender, results, model, folder, parent, written, tracking.log_models):
            continue
        send_export(sender, cursor, folder, model)
        if final and tracking.log_models and is_logged(model):
            name = f"{results['name']}-{model['name']}"
            words = content.model_description(results, model)
            task = results["recipe"].get("task") or {}
            send_model(sender, cursor, name, folder.absolute().parent / str(model["folder"]), words, task)
            if model["role"] == "student":
                register(sender, cursor, tracking, words[content.DESCRIPTION])
    status = content.MLFLOW_STATUS[results["state"]]
    sender.status(cursors.parent, status, content.milliseconds(results.get("finished")))


def _send_run(sender: Sender, results: RunResults, folder: Path, written: int) -> str:
    cursor = sender.ledger.cursor.parent
    run_id = sender.create(cursor, results["run"], content.milliseconds(results.get("started")), {})
    sender.report.run_id = run_id
    sender.params(cursor, content.run_params(results))
    sender.tags(cursor, content.run_tags(results) | content.run_description(results))
    sender.datasets(cursor, content.splits(results), (results.get("data") or {}).get("source") or {})
    sender.metrics(cursor, content.run_metrics(results), written)
    for path in ("recipe.yaml", RESULTS, "results.md", REPORT):
        sender.artifact(cursor, folder, path)
    for model in results["models"]:
        for file in (model["predictions"], model.get("card")):
            if file is not None:
                sender.artifact(cursor, folder, file)
    return run_id


def _send_model_run(
    sender: Sender,
    results: RunResults,
    model: ModelResults,
    folder: Path,
    parent: str,
    written: int,
    log_models: bool,
) -> bool:
    """Send the run of a model, if its making has begun, as MLflow lets nobody change when a run began; returns whether it has."""
    output = folder.absolute().parent
    cursor = sender.ledger.cursor.model(model["name"], model["digest"])
    history = None if model["history"] is None else output / model["history"]
    start, end = content.model_times(results, model, None if history is None else content.first_time(history))
    if start is None and cursor.run_id is None:
        return False
    sender.create(cursor, model["name"], start, {content.PARENT_TAG: parent})
    params, tags = content.model_params(model), content.model_tags(model)
    sender.params(cursor, params)
    sender.tags(cursor, tags | content.model_description(results, model))
    sender.datasets(cursor, content.model_splits(results, model), results["data"].get("source") or {})
    if history is not None:
        sender.history(cursor, history)
    link = None
    if log_models and is_logged(model):
        name = f"{results['name']}-{model['name']}"
        entered = begin_model(sender, cursor, name, output / str(model["folder"]), params, tags)
        link = None if entered is None else _link_of(results, model, entered)
    measured = content.model_metrics(model) | content.difference_metrics(results, model["name"])
    sender.metrics(cursor, measured, written, link)
    sender.status(cursor, content.model_status(results, model), end)
    return True


def _link_of(results: RunResults, model: ModelResults, model_id: str) -> Link:
    name = (model.get("evaluation") or {}).get("split")
    split = content.splits(results).get(str(name))
    return Link(
        model_id, content.table_figures(results, model), None if split is None else dataset_of(str(name), split)
    )


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


def export_metrics(export: Json) -> dict[str, float]:
    """The figures of the forms, and the times of the model's own: `export/FORM/...`."""
    forms: Json = {form: dict(found) for form, found in export["forms"].items()}
    for row in export["latency"]:
        if row["model"] == export["model"]["name"]:
            times = {name: row[name] for name in ("median_ms", "p95_ms")}
            forms[row["form"]][f"latency_{row['threads']}_threads"] = times
    return numbers({"export": forms})


def _folder(model: str) -> str:
    return f"exports/{model}"
