"""The training loop."""

import math
import time
from collections.abc import Mapping
from contextlib import closing
from itertools import islice

from distil.framework.data.batches import accumulation_steps, epoch_batches, epoch_steps
from distil.framework.device import cpu_threads, default_device, free_memory
from distil.framework.errors import RecipeError, TrainingError, UserError
from distil.framework.models.adapters import add_adapters
from distil.framework.models.checkpointing import checkpoint_gradients
from distil.framework.models.compiling import compile_layers
from distil.framework.models.packing import pack
from distil.framework.pipeline import ahead
from distil.framework.training.checkpoint import Position, load_checkpoint, save_checkpoint
from distil.framework.training.engine import TrainingEngine, build_engine
from distil.framework.training.history import Meter, Report, ReportTo
from distil.framework.training.job import TrainingJob, TrainingSummary
from distil.framework.training.micro_batches import batches_from
from distil.framework.training.process_group import join_process_group
from distil.framework.training.random_state import seed_worker
from distil.framework.training.watch import Watch


def train(job: TrainingJob, rank: int, world_size: int, report: ReportTo) -> TrainingSummary:
    """Train as one of `world_size` workers that all run this function; the first reports and saves the result.

    Goes on from the latest checkpoint, if there is one. Raises TrainingError if the loss stops being finite, UserError for losses that do not
    follow from what is trained.
    """
    join_process_group(rank, world_size, job.patience)
    seed_worker(job.seed, rank)
    try:
        return _train(job, rank, world_size, report)
    finally:
        free_memory()


def _train(job: TrainingJob, rank: int, world_size: int, report: ReportTo) -> TrainingSummary:
    import torch.distributed as dist

    training, objective = job.training, job.objective
    accumulation = accumulation_steps(training.batch_size, training.micro_batch, world_size)
    module = objective.build(job.initial, job.seed)
    if training.lora is not None:
        add_adapters(module, training.lora, job.seed)
    if training.gradient_checkpointing:
        checkpoint_gradients(module)
    if job.engine.compile:
        compile_layers(module)
    if training.packing:
        pack(module)
    dist.barrier()  # loading takes some longer than others, and groups of DeepSpeed's own have no patience
    engine = build_engine(module, training, job.engine, job.precision, accumulation, world_size, job.steps)
    try:
        return _steps(engine, job, rank, world_size, accumulation, report)
    finally:
        engine.release()


def _steps(
    engine: TrainingEngine, job: TrainingJob, rank: int, world_size: int, accumulation: int, report: ReportTo
) -> TrainingSummary:
    training, objective = job.training, job.objective
    lengths = objective.lengths
    an_epoch, total_steps = epoch_steps(len(lengths), training.batch_size), job.steps
    a_row = training.steps_a_row(total_steps)
    meter = Meter(list(objective.terms))
    watch = Watch(engine, job, rank, report)
    begin = load_checkpoint(engine, meter, watch, job, rank)
    step, started = begin.step, time.monotonic()
    report(Report("resume", step, step / an_epoch, total_steps))
    if watch.due(step):
        watch.look(step)

    with closing(ahead(batches_from(step, job, rank, world_size, accumulation, default_device()))) as coming:
        while step < total_steps and not watch.over:
            lr = engine.lr
            for one in islice(coming, accumulation):
                loss, terms = objective.loss(engine, one.values, step / total_steps)
                if not loss.requires_grad:
                    raise UserError(
                        f"nothing of what losses.{', losses.'.join(terms)} return follows from the student, so that it cannot learn by it: leave "
                        "out `detach` and `no_grad`, and where a loss has nothing to say, have it return 0 * logits.sum(-1)"
                    )
                engine.backward(loss / one.size)
                engine.step()
                meter.add(loss.detach(), terms, lengths[one.rows])
            step += 1
            at_epoch_end = step % an_epoch == 0 or step == total_steps
            if step % a_row == 0 or at_epoch_end:
                figures = {"lr": lr, **meter.read()}
                if not math.isfinite(figures["loss"]):
                    raise TrainingError(
                        f"the loss is {figures['loss']}{_terms_to_blame(figures)} at step {step} of {total_steps}; lower the learning rate "
                        f"({training.lr:g}), lengthen the warm-up ({training.warmup:g}), or train in fp32"
                    )
                report(Report("step", step, step / an_epoch, total_steps, figures))
            if at_epoch_end:
                report(Report("epoch", step, step / an_epoch, total_steps, meter.read_epoch()))
            if step < total_steps and _checkpoint_due(training.checkpoint_every, step, at_epoch_end):
                save_checkpoint(engine, meter, watch, job, _position(begin, step, started), rank)
            if watch.due(step):
                # After the checkpoint, which stays for later if whoever hears of the figures ends the training.
                watch.look(step)

    watch.save_result(job.output / "model")
    seconds = _position(begin, step, started).seconds
    return TrainingSummary(step, _windows_seen(job, step), seconds, watch.facts(step))


def _terms_to_blame(figures: Mapping[str, float]) -> str:
    """Which of several losses are not finite, in words."""
    terms = {name.partition("/")[2]: value for name, value in figures.items() if name.startswith("loss/")}
    wrong = [name for name, value in terms.items() if not math.isfinite(value)]
    return f" by losses.{', losses.'.join(wrong)}" if wrong and len(terms) > 1 else ""


def _windows_seen(job: TrainingJob, steps: int) -> int:
    lengths, size = job.objective.lengths, job.training.batch_size
    epochs, rest = divmod(steps, epoch_steps(len(lengths), size))
    part = epoch_batches(lengths, size, job.seed, epochs)[:rest] if rest else []
    return len(lengths) * epochs + sum(len(batch) for batch in part)


def _checkpoint_due(every: int | str, step: int, at_epoch_end: bool) -> bool:
    return at_epoch_end if isinstance(every, str) else step % every == 0


def _position(begin: Position, step: int, started: float) -> Position:
    return Position(step, begin.seconds + time.monotonic() - started)


def train_in_process(job: TrainingJob, report: ReportTo) -> TrainingSummary:
    """Run the training here. Raises RecipeError if the recipe asks for several workers."""
    if job.workers != 1:
        raise RecipeError(f"engine.workers is {job.workers}, but a training in one process has one; set it to 1")
    with cpu_threads(job.engine.threads):
        return train(job, rank=0, world_size=1, report=report)
