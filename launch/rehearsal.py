"""`distil rehearse`, or a recipe with `rehearse: true`: its models tried out on this machine, before anything is downloaded."""

import tempfile
from pathlib import Path

from distil.framework.language.words import count_of
from distil.framework.progress import Progress
from distil.framework.recipe.packages import check_packages
from distil.framework.recipe.schema import Recipe
from distil.framework.recipe.splits import fitted_task
from distil.framework.rehearsal.answers import requests_in_words
from distil.framework.rehearsal.outline import ModelOutline, check_known
from distil.framework.rehearsal.rehearse import Rehearsed
from distil.framework.tables import NOTHING, gigabytes, short_count, training_memory
from distil.launch.console import table_console
from distil.launch.plan import sizes_in_words

COLUMNS = (
    "model",
    "parameters",
    "memory planned",
    "at most",
    "tokens a window",
    "s a step",
    "training",
    "ms an example, asked",
    "signals",
    "measuring",
    "whole",
)


def show_rehearsal(recipe: Recipe, progress: Progress) -> None:
    """Rehearse the models of a recipe that fit this machine, and print what all of it takes. Raises UserError."""
    from distil.framework.files import make_folder
    from distil.framework.rehearsal.outline import known_data, outline, signal_sizes
    from distil.framework.rehearsal.rehearse import obstacle, rehearse
    from distil.framework.store import store_of
    from distil.launch.quiet import quiet_transformers

    quiet_transformers()
    check_packages(recipe)
    check_known(recipe)
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
    _show(recipe, models, found, signal_sizes(recipe, data), generated=data.splits is None)
    if data.splits is not None:
        task = fitted_task(recipe, data.splits)
        for line in requests_in_words(recipe, task, data.splits, store_of(recipe)):
            progress.say(line)


def _show(
    recipe: Recipe, models: list[ModelOutline], found: dict[str, Rehearsed], signals: dict[str, float], generated: bool
) -> None:
    from rich.table import Table

    table = Table(title=f"{recipe.name}, rehearsed")
    for index, column in enumerate(COLUMNS):
        table.add_column(column, justify="left" if index < 1 else "right", no_wrap=index < 1)
    for model in models:
        table.add_row(*row_of(model, found.get(model.name), signals.get(model.name, 0)))
    console = table_console()
    console.print(table)
    for remark in notes(recipe, models, found, signals, generated):
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
    recipe: Recipe, models: list[ModelOutline], found: dict[str, Rehearsed], signals: dict[str, float], generated: bool
) -> list[str]:
    """What the table needs said, and the sums of the recipe. signals: bytes about an example, by teacher; generated: whether the texts were."""
    published = [model.name for model in models if model.published]
    # A model before training, and after each.
    weights = sum((1 + model.trainings) * model.weights for model in models)
    store = weights + round(sum(model.asked * signals[model.name] for model in models if model.asked))
    left = [model.name for model in models if model.name not in found]
    total = sum(found[model.name].seconds(model) for model in models if model.name in found)
    without = f", without {', '.join(left)}, planned only" if left else ""
    said = [f"In all: {duration(total)} on this machine{without}; {gigabytes(store)} in the store."]
    said += [
        f"Of these, {model.name} writes at most {count_of(model.writes, 'text')} for students to learn."
        for model in models
        if model.writes
    ]
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
