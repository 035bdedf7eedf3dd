"""Exporting a model of a run: files, measurements, card."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from framework.answer import save_settings
from framework.data.example import Example
from framework.export.card import write_card
from framework.export.compare import compare_forms, problems
from framework.export.finished_run import FinishedRun
from framework.export.folder import copy_model, megabytes, new_folder
from framework.export.forms import Form, Forms, Opening, make_forms, time_forms
from framework.files import now, write_json
from framework.outcome import ModelResults, Provenance
from framework.predictors.logits import LogitsPredictor
from framework.progress import SILENT, Progress
from framework.tasks.summary import summary_of

EXPORT = "export.json"


def export_model(
    run: FinishedRun, name: str, to: Path, with_onnx: bool, provenance: Provenance, progress: Progress = SILENT
) -> dict[str, Any]:
    """Put the model `name` of a run into the new folder `to`, and return what export.json says of it.

    The folder is kept where an ONNX file cannot be made, does not run or does not answer as the model does: see `problems`
    in the result.
    Raises UserError for what cannot be exported, and for a folder that holds something.
    """
    model = run.model(name)
    with new_folder(to) as folder:
        examples = run.examples(progress)
        predictor = _copy(run, model, folder)
        if with_onnx:
            progress.say("export to ONNX")
        forms = make_forms(predictor, folder, examples[0], with_onnx)
        values = _measured(run, model, forms, examples, progress)
        values = {**_origin(run, model), "exported": now(), "provenance": provenance, **values}
        write_json(folder / EXPORT, values)
        write_card(run, model, values, folder)
    return values


def _copy(run: FinishedRun, model: ModelResults, folder: Path) -> LogitsPredictor:
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
    timed: dict[Form, Opening] = {(model["name"], form): opens for form, opens in forms.opening.items()}
    for teacher in run.teachers():
        if teacher["name"] != model["name"]:
            beside = run.predictor(teacher, run.folder(teacher))
            timed[teacher["name"], "torch"] = partial(_unthreaded, beside)
    asked = examples[: settings.latency_questions]
    if asked:
        progress.say(f"time all forms on {len(asked)} examples")
    return {
        "split": settings.split,
        "task": summary_of(run.recipe.task).as_data(),
        "forms": {form: {"megabytes": megabytes(*forms.files[form]), **values} for form, values in found.items()},
        "latency": time_forms(timed, asked),
        "problems": [*forms.problems, *problems(found, run.recipe.task.metrics)],
    }


def _unthreaded(predictor: LogitsPredictor, threads: int) -> LogitsPredictor:
    return predictor


def _threads() -> int:
    import torch

    return torch.get_num_threads()
