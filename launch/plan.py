"""`distil plan`: what a recipe would do, and what it takes; where models or data are not here, by published configurations."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from distil.framework.data.batches import epoch_steps
from distil.framework.data.example import Example
from distil.framework.device import resolve_workers
from distil.framework.errors import DistilError, MissingDataError, MissingModelError
from distil.framework.language.words import ENGLISH
from distil.framework.models.bounds import training_bytes
from distil.framework.models.formats import FLOAT32, WeightFormat, format_of
from distil.framework.recipe.schema import Recipe
from distil.framework.recipe.sections import Student
from distil.framework.rehearsal.answers import requests_in_words
from distil.framework.rehearsal.outline import KnownData, check_known, known_data, outline
from distil.framework.signals.section import signal_bytes
from distil.framework.stages.graph import Graph
from distil.framework.stages.models import ModelStages, student_split
from distil.framework.stages.signals import Collection
from distil.framework.stages.stage import Context, Stage
from distil.framework.stages.written import Written
from distil.framework.tables import gigabytes, training_memory
from distil.launch.console import console_progress, note, table_console
from distil.launch.quiet import be_quiet

if TYPE_CHECKING:
    from rich.console import Console


def show_plan(path: Path, overrides: list[str]) -> None:
    """Print stages, models and memory of the recipe at `path`; write nothing. Raises UserError."""
    be_quiet()
    from distil.framework.recipe.load import load_recipe

    recipe = load_recipe(path, overrides, note)
    from rich.table import Table

    from distil.framework.run import prepare
    from distil.launch.quiet import quiet_transformers
    from distil.launch.room import check_room
    from distil.launch.streaming import streamer_for

    quiet_transformers()
    progress = console_progress()
    console = table_console()
    try:
        context, graph = prepare(recipe, stream=streamer_for(recipe, progress), progress=progress)
        check_room(context, graph)
    except (MissingDataError, MissingModelError) as missing:
        show_outline(recipe, missing, console)
        return
    console.print(f"{recipe.name}: results in {recipe.run_folder}", markup=False, highlight=False, soft_wrap=True)
    counts = ", ".join(f"{name} {len(split.examples)}" for name, split in context.data.items())
    console.print(f"data: {counts} {context.task.items}; {context.precision}", highlight=False)

    if recipe.search is not None:
        console.print(f"search over {', '.join(recipe.search.space)}; below, the recipe without it", soft_wrap=True)

    stages = Table("", "stage", "digest", "state", title="stages")
    for number, stage in enumerate(graph.stages(), start=1):
        stages.add_row(str(number), stage.title, stage.digest, _state(context, stage))
    console.print(stages)

    models = Table("model", "role", "parameters", "steps", "workers", "training memory", "weights", title="models")
    for model in graph.models:
        models.add_row(*_model_row(context, graph, model))
    console.print(models)
    for found in graph.collections.values():
        asked = found.teacher_pass.examples
        size = _signal_bytes(context, found, asked) / 1e6
        console.print(
            f"signals of {found.teacher} on '{found.split}': {ENGLISH.counted(context.task.items, len(asked))}, about {size:.1f} MB",
            markup=False,
            highlight=False,
        )
    for found in graph.of_texts:
        most = found.data.most if isinstance(found.data, Written) else 0
        learnt = student_split(context).examples
        size = most * _signal_bytes(context, found, learnt) / max(len(learnt), 1) / 1e6
        console.print(
            f"signals of {found.teacher} on '{found.split}': at most {ENGLISH.counted(context.task.items, most)}, which are written first; about {size:.1f} MB if "
            "they are as long as those that the student learns from",
            markup=False,
            highlight=False,
        )
    for line in requests_in_words(recipe, context.task, context.data, context.store):
        console.print(line, markup=False, highlight=False)


def _signal_bytes(context: Context, found: Collection, asked: Sequence[Example]) -> int:
    """About how many bytes a teacher's signals about some examples take on disk."""
    settings, task = context.recipe.signals, context.task
    text = task.head_bytes(asked) if found.asking.inference.next_tokens else None
    return signal_bytes(settings, len(asked), task.head_sizes(asked), 0 if text is None else int(text.sum()))


def _state(context: Context, stage: Stage) -> str:
    if context.store.find(stage.key) is not None:
        return "done" if stage.key.taken is None else "accepted"
    folder = stage.folder(context.store)
    if folder.exists() and any(folder.iterdir()):
        return "begun"
    return "to do" if context.store.of_other_versions(stage.key) is None else "to do; done by other versions"


def _model_row(context: Context, graph: Graph, model: ModelStages) -> list[str]:
    if model.role == "teacher" and context.recipe.teachers[model.name].model is None:
        return [model.name, model.role, *["–"] * 5]
    parameters = _parameters(context, model)
    known = (model.tokenizer is None and model.trimmed is None) or model.first.is_done(context.store)
    at_most = "" if known else "≤ "
    held = _format(context, model)
    row = [model.name, model.role, f"{at_most}{parameters / 1e6:.2f}M{'' if held == FLOAT32 else f', {held.name}'}"]
    weights = held.bytes * parameters
    if model.trained is None or model.training is None:
        return [*row, "–", "–", "–", gigabytes(weights)]
    split = context.data[str(model.split)] if model.role == "teacher" else student_split(context)
    steps = epoch_steps(len(split.examples), model.training.batch_size) * model.training.epochs
    workers = resolve_workers(context.recipe.engine.workers, model.training.batch_size)
    if model.training.lora is None:
        memory = training_bytes(parameters, context.precision, context.recipe.engine.zero_stage, workers)
    else:
        memory = weights  # beside which adapters and what they take are small
    live = {
        teacher.name: _format(context, teacher).bytes * _parameters(context, teacher)
        for teacher in graph.models
        if teacher.name in model.live
    }
    return [
        *row,
        f"≥ {steps}{_in_rounds(context, graph, model)}",
        str(workers),
        training_memory(memory, live),
        gigabytes(weights),
    ]


def _in_rounds(context: Context, graph: Graph, model: ModelStages) -> str:
    """Steps of a student's rounds, in words."""
    student = model.training
    if not model.rounds or not isinstance(student, Student) or student.rounds is None:
        return ""
    texts = model.rounds[0].texts.most
    if student.rounds.with_data:
        texts += len(student_split(context).examples) + (graph.completions[0].best.most if graph.completions else 0)
    most = epoch_steps(texts, student.batch_size) * student.rounds.epochs
    return f" + {len(model.rounds)} x ≤ {most}"


def _format(context: Context, model: ModelStages) -> WeightFormat:
    return format_of(context.recipe.teachers[model.name].model) if model.role == "teacher" else FLOAT32


def _parameters(context: Context, model: ModelStages) -> int:
    """Parameters from the configuration alone; a vocabulary to be learnt or trimmed counts as large as it may get."""
    from distil.framework.stages.planned import planned_size

    if model.first.is_done(context.store):
        return int(model.first.facts(context.store)["parameters"])
    recipe = context.recipe
    section = recipe.teachers[model.name] if model.role == "teacher" else recipe.student
    return planned_size(recipe, section) if section is not None and section.model is not None else 0


def show_outline(recipe: Recipe, missing: DistilError, console: "Console") -> None:
    """Print models, steps and memory. missing: what is not here, raised again if nothing is published in its place."""
    from rich.table import Table

    check_known(recipe)
    try:
        data = known_data(recipe)
        models = outline(recipe, data.sizes)
    except DistilError:
        raise missing from None
    console.print(f"{recipe.name}: results in {recipe.run_folder}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"data: {sizes_in_words(data, recipe.task.items)}", highlight=False)
    table = Table("model", "role", "configuration", "parameters", "steps", "training memory", "weights", title="models")
    for model in models:
        table.add_row(
            model.name,
            model.role,
            "published" if model.published else "recipe or files",
            f"{model.parameters / 1e6:.2f}M",
            f"≥ {model.steps} x {model.trainings}" if model.training else "–",
            training_memory(model.memory, model.live) if model.training else "–",
            gigabytes(model.weights),
        )
    console.print(table)
    console.print(f"the stages are not planned: {missing}", markup=False, highlight=False, soft_wrap=True)


def sizes_in_words(data: KnownData, items: str) -> str:
    """How many `items` each split has, in words."""
    counts = ", ".join(f"{name} {size}" for name, size in data.sizes.items())
    return f"{counts} {items}{'' if data.splits else ', as published'}"
