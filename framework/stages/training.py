"""Stages that train: teachers on labels, students on labels and on what teachers think."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distil.framework.answer import save_settings
from distil.framework.data.batches import epoch_steps
from distil.framework.data.load import Dataset, Split
from distil.framework.data.window_cache import split_features
from distil.framework.device import resolve_workers
from distil.framework.digest import MODELS, TRAINING, versions
from distil.framework.errors import StoreError
from distil.framework.files import Json, read_sealed, write_sealed
from distil.framework.losses.live import Term
from distil.framework.models.tokenizers import load_model_tokenizer
from distil.framework.plugins import SOURCE, settings_of
from distil.framework.stages.live import shared_tokenizer, student_objective
from distil.framework.stages.stage import Context, Stage, key_of
from distil.framework.stages.supervision import Supervision, Targets
from distil.framework.stages.watching import (
    chosen,
    selection_inputs,
    selection_of,
    student_validation,
    teacher_validation,
)
from distil.framework.tasks.facts import trained_settings
from distil.framework.teachers.base import Teacher, own_settings
from distil.framework.training.checkpoint import remove_checkpoints
from distil.framework.training.history import History, Report
from distil.framework.training.job import TrainingJob, TrainingSummary
from distil.framework.training.objective import Objective
from distil.framework.training.section import Training
from distil.framework.training.validation import Validation

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# What is not in digests: it changes nothing that comes out, but `seed`, an input of its own, `micro_batch`, which changes no more
# than how sums are rounded and which units are dropped out, and what selection_inputs has.
_SILENT_SETTINGS = {"log_every", "checkpoint_every", "gradient_checkpointing", "seed", "micro_batch"}
_SILENT_SETTINGS |= {"validation", "evaluate_every", "best", "patience"}


@dataclass(frozen=True)
class TrainingSpec:
    """What a model is trained on and towards.

    inputs: what it depends on; begin: a context, given the model's tokenizer, in which training has to happen, with the
    objective and a dict for figures, complete once the context has ended; note: writes beside a model how it reads;
    validation: given the tokenizer, what the model is measured on meanwhile; counted: given the tokenizer, by how
    many items epochs are counted, None: by those of the objective.
    """

    inputs: Mapping[str, Any]
    begin: Callable[[Any], AbstractContextManager[tuple[Objective, dict[str, Any]]]]
    note: Callable[[Path], None]
    validation: Callable[[Any], Validation | None] = lambda tokenizer: None
    counted: Callable[[Any], int] | None = None


def training_stage(
    context: Context, name: str, initial: Stage, training: Training, seed: int, spec: TrainingSpec
) -> Stage:
    """Train the model that `initial` leaves."""
    recipe = context.recipe
    workers = resolve_workers(recipe.engine.workers, training.batch_size)

    def make(folder: Path) -> dict[str, Any]:
        finished = folder / "finished.json"
        if not finished.exists():
            write_sealed(finished, train(folder))
        try:
            facts = read_sealed(finished)
        except ValueError as error:
            raise StoreError(f"{finished} is damaged ({error}); delete it, and the model is trained anew") from None
        # Large checkpoints take their time to remove: a command that is killed meanwhile has its training all the same.
        remove_checkpoints(folder, context.store)
        return facts

    def train(folder: Path) -> dict[str, Any]:
        source = initial.result(context.store) / "model"
        tokenizer = load_model_tokenizer(source)
        with spec.begin(tokenizer) as (objective, figures):
            items = len(objective.lengths) if spec.counted is None else spec.counted(tokenizer)
            job = TrainingJob(
                objective=objective,
                initial=source,
                output=folder,
                training=training,
                engine=recipe.engine,
                precision=context.precision,
                workers=workers,
                seed=seed,
                steps=epoch_steps(items, training.batch_size) * training.epochs,
                store=context.store,
                validation=spec.validation(tokenizer),
                selection=selection_of(context, training),
            )
            summary = _train(context, name, job)
        tokenizer.save_pretrained(str(folder / "model"))
        spec.note(folder / "model")
        return {**summary.as_facts(), "workers": workers, **figures}

    engine = recipe.engine
    inputs = {
        "initial": initial.key,
        **spec.inputs,
        "training": _deciding(training),
        "engine": {
            "backend": engine.backend_here,
            "zero_stage": engine.zero_stage,
            "precision": context.precision,
            "workers": workers,
            # Left out where it is off, so that trainings of before are found.
            **({"compile": True} if engine.compile else {}),
            **({"cuda_graphs": True} if engine.cuda_graphs else {}),
        },
        "seed": seed,
    }
    libraries = MODELS if engine.backend_here == "torch" else TRAINING
    libraries = libraries if training.lora is None else (*libraries, "peft")
    key = key_of(context, "models", inputs, versions(2, libraries, context.device))
    return Stage(f"train {name}", key, make)


def _deciding(training: Training) -> Json:
    """The settings that decide what comes out; what came later is left out where it is off, so that trainings of before are found."""
    left_out = _SILENT_SETTINGS | ({"layer_decay"} if training.layer_decay == 1 else set())
    left_out |= {"lora"} if training.lora is None else set()
    left_out |= set() if training.packing else {"packing"}
    return training.model_dump(mode="json", include=set(Training.model_fields) - left_out)


def _train(context: Context, name: str, job: TrainingJob) -> TrainingSummary:
    """Train with a bar on the screen and the history on disk."""
    context.store.pull(job.history)  # of an attempt on another machine
    history = History(job.history)
    done = 0
    with context.progress.task(f"train {name}", job.steps, "steps") as bar:

        def report(row: Report) -> None:
            nonlocal done
            history.add(row)
            if row.kind == "resume" and row.step:
                context.progress.say(f"    {name}: goes on from step {row.step} of {row.total_steps}")
            speed = row.metrics.get("windows_per_second")
            figures = {"loss": row.metrics["loss"]} if "loss" in row.metrics else {}
            bar.advance(row.step - done, **figures, **({"examples/s": speed} if speed else {}))
            done = row.step

        try:
            summary = context.train(job, report)
        finally:
            history.close()
            if job.history.exists():
                context.store.push(job.history)
    if said := chosen(context, name, job.training, summary.as_facts()):
        context.progress.say(f"    {said}")
    return summary


def teacher_spec(context: Context, teacher: Teacher, training: Training, split: Split, seed: int) -> TrainingSpec:
    """Labels."""
    inference = context.inference(teacher.windows or context.recipe.windows)

    @contextmanager
    def begin(tokenizer: "PreTrainedTokenizerFast") -> Iterator[tuple[Objective, dict[str, Any]]]:
        yield teacher.objective(inference, split.examples, tokenizer, seed, context.progress), {}

    own = own_settings(teacher)
    return TrainingSpec(
        inputs={
            "data": split.digest,
            "task": trained_settings(context.task),
            "windows": inference.windows.model_dump(),
            "losses": {},
            "teacher": {name: own[name] for name in ("kind", SOURCE, *teacher.trained_with) if name in own},
            **selection_inputs(context, training, own),
        },
        begin=begin,
        note=lambda folder: save_settings(folder, inference, teacher),
        validation=lambda tokenizer: teacher_validation(context, teacher, training, tokenizer),
    )


def student_spec(
    context: Context,
    data: Dataset,
    losses: Mapping[str, Term],
    supervision: Supervision | None,
    live: Mapping[str, Stage],
    seed: int,
    as_long_as: Dataset | None = None,
) -> TrainingSpec:
    """Labels and, with `supervision`, signals. live: for each loss that looks into a teacher, the stage that leaves it;
    as_long_as: training takes as many steps as so many epochs of these data would."""
    recipe, student = context.recipe, context.recipe.student
    assert student is not None
    inference = context.inference(recipe.windows)
    temperatures = sorted({loss.temperature for loss in losses.values() if loss.source == "signal"})

    @contextmanager
    def begin(tokenizer: "PreTrainedTokenizerFast") -> Iterator[tuple[Objective, dict[str, Any]]]:
        shared = shared_tokenizer(context, losses, tokenizer, live)
        split = data.read()
        windows = split_features(context.task, split, shared, recipe.windows, context.progress)
        figures: dict[str, Any] = {}
        if supervision is None or not any(supervision.collections.values()):
            items = context.task.training_items(split.examples, windows, tokenizer.pad_token_id, None, (), eager=True)
            yield student_objective(context, losses, live, items, seed), figures
            return
        targets = Targets(context, supervision, split, windows, shared)
        with supervision.open(context) as (source, eager):
            items = targets.items(source, temperatures, eager)
            yield student_objective(context, losses, live, items, seed), figures
        figures.update(targets.figures())

    return TrainingSpec(
        inputs={
            "data": data.identity,
            "task": trained_settings(context.task),
            "windows": recipe.windows.model_dump(),
            "losses": {key: settings_of(loss) for key, loss in losses.items()},
            "teaching": supervision.inputs(context) if supervision is not None else None,
            "live": {name: stage.key for name, stage in live.items()},
            "as_long_as": as_long_as.identity if as_long_as is not None else None,
            **selection_inputs(context, student, {}),
        },
        begin=begin,
        note=lambda folder: save_settings(folder, inference, None),
        validation=lambda tokenizer: student_validation(context, student, tokenizer),
        counted=None if as_long_as is None else lambda tokenizer: _windows(context, as_long_as.read(), tokenizer),
    )


def _windows(context: Context, split: Split, tokenizer: "PreTrainedTokenizerFast") -> int:
    """Windows that a student would be trained on with this split."""
    task = context.task
    windows = split_features(task, split, tokenizer, context.recipe.windows, context.progress)
    items = task.training_items(split.examples, windows, int(tokenizer.pad_token_id), None, (), eager=True)
    return len(items.features.lengths)
