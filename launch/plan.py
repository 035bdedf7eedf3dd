"""`distil plan`: what a recipe would do, and what it takes; where models or data are not here, by published configurations.
`distil rehearse`, or a recipe with `rehearse: true`: the same tried out on this machine, before anything is downloaded."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from distil.framework.data.batches import epoch_steps
from distil.framework.device import resolve_workers
from distil.framework.errors import DistilError, MissingDataError, MissingModelError
from distil.framework.models.bounds import training_bytes
from distil.framework.models.formats import FLOAT32, WeightFormat, format_of
from distil.framework.progress import Progress
from distil.framework.recipe.packages import check_packages
from distil.framework.recipe.schema import Recipe
from distil.framework.rehearsal.answers import requests_in_words
from distil.framework.rehearsal.outline import KnownData, ModelOutline, check_heads, known_data, outline
from distil.framework.rehearsal.rehearse import Rehearsed
from distil.framework.signals.section import signal_bytes
from distil.framework.stages.graph import Graph
from distil.framework.stages.models import ModelStages, student_split
from distil.framework.stages.stage import Context, Stage
from distil.framework.tables import NOTHING, gigabytes, short_count, training_memory
from distil.launch.console import console_progress, note, table_console
from distil.launch.quiet import be_quiet

if TYPE_CHECKING:
    from rich.console import Console

COLUMNS = (
    "model",
    "parameters",
    "memory planned",
    "at most",
    "tokens a window",
    "s a step",
    "training",
    "ms a question, asked",
    "signals",
    "measuring",
    "whole",
)


def show_plan(path: Path, overrides: list[str]) -> None:
    """Print stages, models and memory of the recipe at `path`; write nothing. Raises UserError."""
    be_quiet()
    from distil.framework.recipe.load import load_recipe

    recipe = load_recipe(path, overrides, note)
    from rich.table import Table

    from distil.framework.run import prepare
    from distil.launch.quiet import quiet_transformers
    from distil.launch.streaming import streamer_for

    quiet_transformers()
    progress = console_progress()
    console = table_console()
    try:
        context, graph = prepare(recipe, stream=streamer_for(recipe, progress), progress=progress)
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
        rows = len(asked)
        size = signal_bytes(recipe.signals, rows, context.task.head_sizes(asked)) / 1e6
        console.print(
            f"signals of {found.teacher} on '{found.split}': {rows} {context.task.items}, about {size:.1f} MB",
            markup=False,
            highlight=False,
        )
    for line in requests_in_words(recipe, context.task, context.data, context.store):
        console.print(line, markup=False, highlight=False)


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
        f"≥ {steps}",
        str(workers),
        training_memory(memory, live),
        gigabytes(weights),
    ]


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

    check_heads(recipe)
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


def show_rehearsal(recipe: Recipe, progress: Progress) -> None:
    """Rehearse the models of a recipe that fit this machine, and print what all of it takes. Raises UserError."""
    from distil.framework.files import make_folder
    from distil.framework.rehearsal.outline import known_data, outline
    from distil.framework.rehearsal.rehearse import obstacle, rehearse, signal_size
    from distil.framework.store import store_of
    from distil.launch.quiet import quiet_transformers

    quiet_transformers()
    check_packages(recipe)
    check_heads(recipe)
    data = known_data(recipe)
    models = outline(recipe, data.sizes)
    progress.say(f"{recipe.name}: {sizes_in_words(data, recipe.task.items)}")
    found: dict[str, Rehearsed] = {}
    output = recipe.output_folder
    make_folder(output)
    for number, model in enumerate(models, start=1):
        why = obstacle(model)
        progress.say(f"[{number}/{len(models)}] {model.name}: {'planned only, ' + why if why else 'rehearsed'}")
        if why:
            continue
        with tempfile.TemporaryDirectory(dir=output, prefix="rehearsal-") as folder:
            found[model.name] = rehearse(recipe, model, data, Path(folder), progress)
    _show(recipe, models, found, signal_size(recipe, data), generated=data.splits is None)
    if data.splits is not None:
        task = recipe.task.fitted({name: split.examples for name, split in data.splits.items()})
        for line in requests_in_words(recipe, task, data.splits, store_of(recipe)):
            progress.say(line)


def _show(
    recipe: Recipe, models: list[ModelOutline], found: dict[str, Rehearsed], signal: float, generated: bool
) -> None:
    from rich.table import Table

    table = Table(title=f"{recipe.name}, rehearsed")
    for index, column in enumerate(COLUMNS):
        table.add_column(column, justify="left" if index < 1 else "right", no_wrap=index < 1)
    for model in models:
        table.add_row(*row_of(model, found.get(model.name), signal))
    console = table_console()
    console.print(table)
    for remark in notes(recipe, models, found, signal, generated):
        console.print(remark, markup=False, highlight=False)


def row_of(model: ModelOutline, seen: Rehearsed | None, signal: float) -> tuple[str, ...]:
    """One row of text, under `COLUMNS`; what was not rehearsed is a dash. signal: bytes about an example."""
    planned = (
        f"{model.name} x {model.trainings}" if model.trainings > 1 else model.name,
        short_count(model.parameters),
        training_memory(model.memory, model.live),
    )
    signals = NOTHING if not model.asked else f"{model.asked * signal / 1e6:.1f} MB"
    if seen is None:
        return (*planned, *[NOTHING] * 5, signals, NOTHING, NOTHING)
    return (
        *planned,
        gigabytes(seen.peak),
        f"{seen.tokens:.0f}",
        f"{seen.step:.2f}",
        duration(seen.training_seconds(model)) if model.training else NOTHING,
        f"{1000 * (seen.ask if model.asked else seen.evaluate):.0f}",
        signals,
        duration(seen.measuring_seconds(model)),
        duration(seen.seconds(model)),
    )


def notes(
    recipe: Recipe, models: list[ModelOutline], found: dict[str, Rehearsed], signal: float, generated: bool
) -> list[str]:
    """What the table needs said, and the sums of the recipe. signal: bytes about an example; generated: whether the texts were."""
    published = [model.name for model in models if model.published]
    # A model before training, and after each.
    weights = sum((1 + model.trainings) * model.weights for model in models)
    store = weights + round(sum(model.asked for model in models) * signal)
    left = [model.name for model in models if model.name not in found]
    total = sum(found[model.name].seconds(model) for model in models if model.name in found)
    without = f", without {', '.join(left)}, planned only" if left else ""
    said = [f"In all: {duration(total)} on this machine{without}; {gigabytes(store)} in the store."]
    if published:
        said.append(f"By published configurations, with random weights: {', '.join(published)}.")
    said.extend(
        f"The {model.name} is rehearsed without {', '.join(model.live)}, which its losses look into: the weights count in "
        "the memory planned, the forward passes nowhere."
        for model in models
        if model.live and model.name in found
    )
    if recipe.search is not None:
        said.append("Of a search, this is one trial.")
    if generated:
        said.append(
            "Texts are generated, as long as SberQuAD's, but of fewer words: real ones take more tokens, and more time."
        )
    said.append(
        "Times are of one worker. Memory planned: weights, gradients and moments. At most: all that this process had. "
        "A generator that has learnt nothing writes answers as long as they may be: a trained one is quicker. A student's "
        "step is one on labels. Measuring: on the way, at the end, and asked alone for the latency."
    )
    if any(model.training is not None and model.training.patience is not None for model in models):
        said.append("Trainings that may end early by their patience are reckoned to their end.")
    return said


def duration(seconds: float) -> str:
    """Seconds as people write them: 40 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
