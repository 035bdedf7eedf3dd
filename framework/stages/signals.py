"""The stages that ask a teacher about every question of a split, once, and that look at what it says of held-out labels."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from distil.framework.chat.estimate import Paid
from distil.framework.data.load import Dataset, Split
from distil.framework.digest import MODELS, Key, versions
from distil.framework.errors import DataError
from distil.framework.files import Json
from distil.framework.language.words import ENGLISH
from distil.framework.manifest import MANIFEST, read_manifest
from distil.framework.plugins import settings_of
from distil.framework.signals.calibration import calibrate
from distil.framework.signals.collect import collect
from distil.framework.signals.further import of_task
from distil.framework.signals.shards import FORMAT, SignalReader
from distil.framework.signals.silence import evened, silent
from distil.framework.signals.teacher_pass import TeacherPass
from distil.framework.stages.shown import Shown
from distil.framework.stages.stage import Context, Stage, answers_version, key_of
from distil.framework.tasks.facts import main_metrics, trained_settings
from distil.framework.teachers.base import is_elsewhere, own_settings

_CODE = {"cpu": 3, "cuda": 4}  # on a GPU attention gets masks that hide nothing, too, and sums are rounded otherwise


@dataclass(frozen=True)
class Collection:
    """A teacher's signals on a split, or on texts that models write: the stage that collects them, the data, and the collections that
    the teacher is shown. asking: the pass of the teacher that it takes, without its examples."""

    teacher: str
    split: str
    stage: Stage
    data: Dataset
    asking: TeacherPass
    proposals: tuple["Collection", ...]

    @property
    def teacher_pass(self) -> TeacherPass:
        """The pass of the teacher. Raises StoreError where what it is about is not written yet."""
        return replace(self.asking, examples=self.data.read().examples)


def collection(
    context: Context,
    name: str,
    models: Sequence[Stage],
    split: str,
    data: Dataset,
    proposals: Mapping[str, Collection],
    streamed: bool,
    shown: Shown | None,
    next_tokens: bool = False,
) -> Collection:
    """The signals of teacher `name` on data that are called `split`. models: the trained one, or one a fold; proposals: others' signals on
    them; streamed: whether an actor asks the teacher while students are trained, as far as nobody has asked before; shown: what it is shown before it
    is asked; next_tokens: whether it is asked about these, too."""
    recipe = context.recipe
    teacher, settings = recipe.teachers[name], recipe.signals
    pool = shown.pool if shown is not None else None
    inference = context.inference(teacher.windows or recipe.windows)
    inference = replace(inference, pool=pool, next_tokens=settings.top_k if next_tokens else 0)
    inputs = {
        "models": [model.key for model in models],
        "teacher": own_settings(teacher),
        "task": trained_settings(context.task),
        "data": data.identity,
        "windows": inference.windows.model_dump(),
        "proposals": [found.stage.key for found in proposals.values()],
        "top_k": settings.top_k,
        "precision": context.precision,
        "format": FORMAT,
    }
    inputs |= {"shown": shown.inputs} if shown is not None else {}
    inputs |= {"next_tokens": True} if next_tokens else {}
    device = ("cuda" if teacher.actor.gpus else "cpu") if streamed else context.device
    made_by = {**versions(_CODE[device], MODELS, device), **answers_version(context.task, teacher.kind)}
    if context.task.signals_version != 1:
        made_by["task"] = context.task.signals_version
    key = key_of(context, "signals", inputs, made_by)
    title = f"collect signals of {name} on '{split}'"
    asking = TeacherPass(
        name=name,
        teacher=teacher,
        inference=inference,
        models=tuple(model.folder(context.store) / "model" for model in models),
        examples=(),
        folder=context.store.folder(key),
        proposals=tuple(found.asking.folder for found in proposals.values()),
        settings=settings,
    )
    chosen_by = shown.before if shown is not None else ()
    before = [*models, *chosen_by, *(found.stage for found in proposals.values())]

    def make(folder: Path) -> dict[str, Any]:
        for stage in before:
            stage.result(context.store)
        asked = found.teacher_pass
        shown_signals = [SignalReader(folder) for folder in asked.proposals]
        known = [] if isinstance(data, Split) else list(_of_other_data(context, key))
        facts = collect(
            folder, asked.examples, asked.open, asked.settings, context.progress, title, shown_signals, known
        )
        return {**facts, **_usage(asked)}

    found = Collection(name, split, Stage(title, key, make), data, asking, tuple(proposals.values()))
    return found


def _of_other_data(context: Context, key: Key) -> Iterator[SignalReader]:
    """What the same teacher has said of other data, as far as it is here: a text is not asked about again that a model writes once more."""

    def same(inputs: Json) -> Json:
        return {name: value for name, value in inputs.items() if name != "data"}

    wanted = {"inputs": same(key.plain_inputs), "versions": dict(key.versions)}
    for path in sorted((context.store.root / key.kind).glob(f"*/{MANIFEST}")):
        manifest = read_manifest(path.read_bytes(), path)
        if {"inputs": same(manifest["inputs"]), "versions": manifest["versions"]} == wanted:
            yield SignalReader(path.parent)


def _usage(teacher_pass: TeacherPass) -> Json:
    """What the answers of a teacher behind a server took, if all of them are here: nothing is asked for it."""
    if not is_elsewhere(teacher_pass.teacher):
        return {}
    predictor = teacher_pass.teacher.predictor(teacher_pass.models[0], teacher_pass.inference)
    if not isinstance(predictor, Paid) or predictor.estimate(teacher_pass.examples).wanted.requests:
        return {}
    return {"usage": predictor.usage(teacher_pass.examples)}


def held_out_stage(context: Context, found: Collection) -> Stage:
    """Calibrate a teacher's temperature and measure its signals.

    Raises DataError for a split without labels, or with questions by which models are measured.
    """
    recipe, split = context.recipe, context.data[found.split]
    task = context.task
    labelled = [example for example in split.examples if example.labelled]
    if not labelled:
        raise DataError(
            f"signals.held_out: none of the {task.items} of split '{found.split}' has a label to compare with; name a labelled split"
        )
    measured = {one.texts for one in context.data[recipe.evaluation.split].examples}
    shared = sum(one.texts in measured for one in split.examples)
    if shared:
        raise DataError(
            f"signals.held_out: {shared} of {len(split.examples)} {task.items} of split '{found.split}' are also in "
            f"'{recipe.evaluation.split}', by which all is measured (evaluation.split); name a split without them"
        )

    def make(folder: Path) -> dict[str, Any]:
        signals = of_task(task, labelled, SignalReader(found.stage.result(context.store)).signals(labelled))
        predictions = task.predict_from_signals(labelled, evened(signals, task.head_sizes(labelled)))
        scores = task.score(labelled, predictions, resamples=100, seed=recipe.seed)
        said = np.flatnonzero(~silent(signals))
        if not len(said):
            raise DataError(
                f"signals.held_out: {found.teacher} says nothing of the {ENGLISH.counted(task.items, len(labelled))} of '{found.split}', as all its answers "
                "are invalid: look at its prompt"
            )
        gold = task.gold_outcomes([labelled[number] for number in said.tolist()])
        return {**main_metrics(task, scores.metrics), **asdict(calibrate(signals.take(said), gold))}

    inputs = {
        "signals": found.stage.key,
        "task": settings_of(task),
        "data": split.digest,
    }
    key = key_of(context, "held_out", inputs, versions(2))
    return Stage(f"look at {found.teacher} on '{found.split}'", key, make)
