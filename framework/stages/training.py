"""Stages that train: teachers on labels, students on labels and signals."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framework.data.batches import epoch_steps
from framework.digest import TRAINING, versions
from framework.errors import StoreError
from framework.files import read_sealed, write_sealed
from framework.models.tokenizers import load_model_tokenizer
from framework.stages.stage import Context, Stage, key_of
from framework.training.checkpoint import remove_checkpoints
from framework.training.history import History
from framework.training.job import Report, TrainingJob
from framework.training.objective import Objective
from framework.training.section import Training
from framework.training.validation import Validation

# What is not in digests. All but the last change nothing that comes out; `seed` is an input of its own, and
# `micro_batch` changes no more than how sums are rounded and which units are dropped out.
_SILENT_SETTINGS = {"log_every", "checkpoint_every", "seed", "micro_batch"}


@dataclass(frozen=True)
class TrainingSpec:
    """What a model is trained on and towards.

    inputs: what it depends on; begin: a context, given the model's tokenizer, in which training has to happen, with the
    objective and a dict for figures, complete once the context has ended; note: writes beside a model how it reads;
    validation: given the tokenizer, what the model is measured on after every epoch; counted: given the tokenizer, by how
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
                workers=context.workers,
                seed=seed,
                steps=epoch_steps(items, training.batch_size) * training.epochs,
                store=context.store,
                validation=spec.validation(tokenizer),
            )
            summary = _train(context, name, job)
        tokenizer.save_pretrained(str(folder / "model"))
        spec.note(folder / "model")
        return {**summary.as_facts(), **figures}

    inputs = {
        "initial": initial.key,
        **spec.inputs,
        "training": training.model_dump(mode="json", include=set(Training.model_fields) - _SILENT_SETTINGS),
        "engine": {"zero_stage": recipe.engine.zero_stage, "precision": context.precision, "workers": context.workers},
        "seed": seed,
    }
    key = key_of(context, "models", inputs, versions(1, TRAINING, context.device))
    return Stage(f"train {name}", key, make)


def _train(context: Context, name: str, job: TrainingJob) -> Any:
    """Train with a bar on the screen and the history on disk."""
    context.store.pull(job.history)  # of an attempt on another machine
    history = History(job.history)
    done = 0
    with context.progress.task(f"train {name}", job.steps, "steps") as bar:

        def report(row: Report) -> None:
            nonlocal done
            history.add(row)
            speed = row.metrics.get("windows_per_second")
            figures = {"loss": row.metrics["loss"]} if "loss" in row.metrics else {}
            bar.advance(row.step - done, **figures, **({"examples/s": speed} if speed else {}))
            done = row.step

        try:
            return context.train(job, report)
        finally:
            history.close()
            if job.history.exists():
                context.store.push(job.history)
