"""The rows of the table as they stand before anything of them is made."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, cast

from distil.framework.data.example import Notebook
from distil.framework.files import Json
from distil.framework.models.formats import format_of
from distil.framework.outcome import ModelResults, Role
from distil.framework.plugins import SOURCE
from distil.framework.training.section import Training

if TYPE_CHECKING:  # who reads results needs no models
    from distil.framework.data.load import Split
    from distil.framework.stages.graph import Graph
    from distil.framework.stages.models import ModelStages
    from distil.framework.stages.stage import Context, Stage


def model_records(context: "Context", graph: "Graph") -> Iterator[ModelResults]:
    """The rows of the table: teachers, the ensemble beside its members, baselines, the student."""
    teachers = [model for model in graph.models if model.role == "teacher"]
    yield from (_model(context, model) for model in teachers)
    if graph.ensemble is not None:
        assert context.recipe.ensemble is not None
        yield _record("ensemble", "ensemble", graph.ensemble.digest, context.recipe.ensemble.model_dump(mode="json"))
    yield from (_model(context, model) for model in graph.models if model.role != "teacher")


def _model(context: "Context", model: "ModelStages") -> ModelResults:
    root = context.store.root.parent
    weights = model.weights.folder(context.store)
    record = _record(model.name, cast(Role, model.role), model.weights.digest, _settings(model))
    # A teacher of the user's own kind may have no model.
    if model.role != "teacher" or context.recipe.teachers[model.name].model is not None:
        record["folder"] = str((weights / "model").relative_to(root))
        section = context.recipe.teachers[model.name] if model.role == "teacher" else context.recipe.student
        record["dtype"] = format_of(section.model).name if section is not None else None
    if model.trimmed is not None:
        record["trimmed"] = {"digest": model.trimmed.digest}
    if model.trained is not None:
        record["history"] = _history(context, model.trained)
    if model.rounds:
        record["rounds"] = [
            {"round": number, "digest": stage.digest, "history": _history(context, stage)}
            for number, stage in enumerate([model.trained, *(one.trained for one in model.rounds)])
            if stage is not None
        ]
    if model.supervision is not None:
        record["transductive"] = _transductive(context)
    return record


def _history(context: "Context", trained: "Stage") -> str:
    return str((trained.folder(context.store) / "history.jsonl").relative_to(context.store.root.parent))


def _record(name: str, role: Role, digest: str, settings: Json) -> ModelResults:
    return {
        "name": name,
        "role": role,
        "folder": None,
        "history": None,
        "digest": digest,
        "reused": True,
        "parameters": None,
        "dtype": None,
        "settings": settings,
        "started": None,
        "finished": None,
        "training": None,
        "evaluation": None,
        "latency": None,
        "predictions": None,
    }


def _transductive(context: "Context") -> bool:
    """Whether a student learns from the very questions (not their answers) on which it is measured, or from texts that models write after
    these prompts."""
    from distil.framework.recipe.splits import prompts_wanted

    recipe = context.recipe
    unlabelled = recipe.student.unlabelled if recipe.student is not None else []
    measured = {one.texts for one in context.data[recipe.evaluation.split].examples}
    if any(one.texts in measured for name in unlabelled for one in context.data[name].examples):
        return True
    written = [context.data[name] for name in set(prompts_wanted(recipe).values())]
    return bool(written and _prompts(context, [context.data[recipe.evaluation.split]]) & _prompts(context, written))


def _prompts(context: "Context", splits: "Iterable[Split]") -> set[object]:
    """What stands before completions."""
    notebook = Notebook(context.task.notes)
    found = (context.task.prompt_of(one, notebook) for split in splits for one in split.examples)
    return {one.texts for one in found if one is not None}


def _settings(model: "ModelStages") -> Json:
    """The hyper-parameters of a model's training, flat."""
    if model.training is None or model.trained is None:
        return {}
    inputs = model.trained.inputs
    settings = {**model.training.model_dump(mode="json", include=set(Training.model_fields)), "seed": inputs["seed"]}
    lora = settings.pop("lora")
    settings |= {f"lora.{name}": value for name, value in (lora or {}).items()}
    if inputs.get("as_long_as") is not None:
        settings["epochs"] = "until it has as many steps as the student"
    flat = {"split": model.split, **settings, **inputs["engine"]}
    for name, loss in inputs["losses"].items():
        flat.update({f"losses.{name}.{key}": value for key, value in loss.items() if key not in ("kind", SOURCE)})
    if model.supervision is not None:
        flat["teachers"] = ", ".join(model.supervision.collections)
        for name in ("completions", "rounds"):
            section = getattr(model.training, name, None)  # of a student's training alone
            found = {} if section is None else section.model_dump(mode="json")
            flat |= {f"{name}.{key}": ", ".join(value) if key == "of" else value for key, value in found.items()}
        if model.supervision.ensemble is not None:
            ensemble = model.supervision.ensemble.model_dump(mode="json")
            flat.update({f"ensemble.{key}": value for key, value in ensemble.items()})
    return flat
