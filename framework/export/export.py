"""Exporting a model of a run: the folder that is handed out, new, and whole or not there; files, measurements, card."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from distil.framework.answer import save_settings
from distil.framework.data.example import Example
from distil.framework.errors import OutputError, UserError, reason
from distil.framework.export.card import CARD, card_of, language_in
from distil.framework.export.compare import compare_forms, problems
from distil.framework.export.finished_run import FinishedRun
from distil.framework.export.forms import GGUF, Form, Forms, Opening, make_forms, time_forms
from distil.framework.export.gguf import converter_of
from distil.framework.export.onnx_files import check_exporter
from distil.framework.files import now, write_atomic, write_json
from distil.framework.language.words import count_of
from distil.framework.manifest import check_saved, write_manifest
from distil.framework.outcome import ModelResults, Provenance
from distil.framework.predictors.compared import Compared
from distil.framework.progress import SILENT, Progress
from distil.framework.tasks.registry import summary_of

EXPORT = "export.json"


@contextmanager
def new_folder(to: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `to` when the context ends; after an error nothing is left of it.

    It gets a manifest, by which distil knows its files again; the model card, README.md, is there to be written on.
    Raises OutputError where `to` holds something already or cannot be made.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise OutputError(f"{to} exists already; name a new folder")
    filling = to.absolute().with_name(f".{to.absolute().name}.{os.getpid()}.tmp")
    try:
        filling.mkdir(parents=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {to}: {reason(error)}; name another one") from None
    try:
        yield filling
        write_manifest(filling, {"kind": "copy"}, but_for=("README.md",))
        filling.replace(to)
    finally:
        shutil.rmtree(filling, ignore_errors=True)


def copy_model(source: Path, folder: Path) -> None:
    """Copy the files of a saved model into `folder`. Raises OutputError if they are gone, StoreError if they are damaged."""
    if not source.is_dir():
        raise OutputError(f"the model's folder {source} is gone; run its recipe again to make it anew")
    check_saved(source)
    # Contents only: in the store weights are for their owner alone.
    shutil.copytree(source, folder, copy_function=shutil.copyfile, dirs_exist_ok=True)


def megabytes(*files: Path) -> float:
    """The size of the files together, in 10^6 bytes."""
    return sum(file.stat().st_size for file in files) / 1e6


def export_model(
    run: FinishedRun,
    name: str,
    to: Path,
    with_onnx: bool,
    provenance: Provenance,
    progress: Progress = SILENT,
    gguf: str | None = None,
) -> dict[str, Any]:
    """Put the model `name` of a run into the new folder `to`, and return what export.json says of it.

    gguf: the converter of llama.cpp, by its path or name, where it is to make a GGUF file. The folder is kept where a file cannot be made,
    does not run or does not answer as the model does: see `problems` in the result.
    Raises UserError for what cannot be exported, or not with the libraries that are here, and for a folder that holds something.
    """
    model = run.model(name)
    if with_onnx:
        check_exporter()
    if gguf is not None and not run.recipe.task.writes:
        raise UserError(f"--gguf is for models that write, and the task is {run.recipe.task.kind}: drop it")
    converter = None if gguf is None else converter_of(gguf)
    with new_folder(to) as folder:
        examples = run.examples(progress)
        predictor = _copy(run, model, folder)
        if with_onnx:
            progress.say("export to ONNX")
        forms = make_forms(predictor, folder, examples[0], with_onnx, converter)
        values = _measured(run, model, forms, examples, progress)
        values = {**_origin(run, model), "exported": now(), "provenance": provenance, **values}
        write_json(folder / EXPORT, values)
        write_atomic(folder / CARD, card_of(run, model, language_in(examples), values))
    return values


def _copy(run: FinishedRun, model: ModelResults, folder: Path) -> Compared:
    """Put the model's files into `folder`, and open it there."""
    copy_model(run.folder(model), folder)
    save_settings(folder, run.inference(model), run.mapped_teacher(model))
    return run.predictor(model, folder)


def _origin(run: FinishedRun, model: ModelResults) -> dict[str, Any]:
    kept = {"name": model["name"], "role": model["role"], "digest": model["digest"], "parameters": model["parameters"]}
    return {"format": 1, "run": run.results["run"], "model": kept}


def _measured(
    run: FinishedRun, model: ModelResults, forms: Forms, examples: Sequence[Example], progress: Progress
) -> dict[str, Any]:
    settings = run.recipe.evaluation
    found, failed = compare_forms(
        {form: opens(_threads()) for form, opens in forms.opening.items()},
        examples,
        settings.bootstrap,
        run.recipe.seed,
        progress,
    )
    for form, problem in failed.items():
        forms.drop(form, problem)
    timed: dict[Form, Opening] = {(model["name"], form): opens for form, opens in forms.opening.items() if form != GGUF}
    for teacher in run.teachers():
        if teacher["name"] != model["name"]:
            beside = run.predictor(teacher, run.folder(teacher))
            timed[teacher["name"], "torch"] = partial(_unthreaded, beside)
    asked = examples[: settings.latency_questions]
    if asked:
        progress.say(f"time all forms on {count_of(len(asked), 'example')}")
    return {
        "split": settings.split,
        "task": summary_of(run.recipe.task).as_data(),
        "forms": {form: {"megabytes": megabytes(*forms.files[form]), **values} for form, values in found.items()},
        "latency": time_forms(timed, asked),
        "problems": [*forms.problems, *problems(found, run.recipe.task.metrics)],
    }


def _unthreaded(predictor: Compared, threads: int) -> Compared:
    return predictor


def _threads() -> int:
    import torch

    return torch.get_num_threads()
