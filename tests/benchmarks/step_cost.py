"""What does a step of training cost the processor beside the arithmetic, and beside a plain loop of PyTorch?

    OMP_NUM_THREADS=1 .venv/bin/python tests/benchmarks/step_cost.py [--rounds 5] [--batches 16 64] [--layers 6] [--dim 8]

The same student of so many layers, so narrow that its arithmetic is next to nothing, and the same batches, in one process and in
turn: a plain loop (the model's own loss, clipping, fused AdamW, a schedule; batches that are ready before the clock starts), and
this project's step on labels and on labels with signals, by PyTorch and by DeepSpeed. Processor time of the whole process, all its
threads, of ten steps up to a reading of the losses: the least of many, which other processes disturb least, and the median. And
how many operations PyTorch's profiler counts in a step, which no other process disturbs, and how many of them would wait for a GPU
(`aten::item` and the like).
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from itertools import pairwise, product
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.nn.utils import clip_grad_norm_

from distil.framework.data.batches import epoch_batches
from distil.framework.device import autocast, default_device
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import run
from distil.framework.tables import markdown_rows
from distil.framework.training.engine import parameter_groups, rate_factor
from distil.framework.training.history import Report
from distil.framework.training.job import TrainingJob, TrainingSummary
from distil.framework.training.loop import train_in_process
from distil.launch.quiet import be_quiet, quiet_transformers
from tests.blocking import blocking, profiled
from tests.tiny import tiny_values

_STEPS = 10  # between two readings of the losses
_PLAIN = "plain PyTorch"
_HEADER = ["batch", "what", "ms a step, the least", "÷ plain", "median", "operations a step", "÷ plain", "waits"]
Reading = Callable[[int], None]  # is called after each so many steps


class _Caught(Exception):
    pass


def main() -> None:
    """Take both jobs from a recipe, train them in turn, and print milliseconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, nargs="+", default=[16, 64])
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--dim", type=int, default=8)
    arguments = parser.parse_args()
    be_quiet()
    quiet_transformers()
    jobs = _jobs(arguments.layers, arguments.dim, _STEPS * 8 * max(arguments.batches))
    rows = []
    for batch, precision in product(arguments.batches, ("fp32", "bf16")):
        training = {"batch_size": batch, "log_every": _STEPS, "checkpoint_every": 100_000}
        given = {
            name: replace(job, precision=precision, steps=8 * _STEPS, training=job.training.model_copy(update=training))
            for name, job in jobs.items()
        }
        for row in _measured(given, arguments.rounds):
            rows.append([f"{batch}, {precision}", *row])
            print(*rows[-1], sep="  ", flush=True)
    print(markdown_rows(_HEADER, rows, left=2))


def _jobs(layers: int, dim: int, questions: int) -> dict[str, TrainingJob]:
    """A student that learns from labels, and one that learns from signals too."""
    caught: dict[str, TrainingJob] = {}

    def catch(job: TrainingJob, report: Any) -> TrainingSummary:
        if job.training.epochs == 1:  # the teacher's
            return train_in_process(job, report)
        caught["signals" if "kl" in job.objective.terms else "labels"] = job
        raise _Caught

    output = Path(tempfile.mkdtemp(prefix="step-"))
    size = {"dim": dim, "n_layers": layers, "n_heads": 2, "hidden_dim": 4 * dim}
    alike: dict[str, Any] = {
        "data__source__examples": {"train": questions, "validation": 24},
        "student__model": {"kind": "config", "architecture": "distilbert", "config": size},
        "baselines": None,
    }
    on_labels: dict[str, Any] = {"teachers": None, "losses": {"hard_label": None}}
    for changes in (on_labels, {"teachers__teacher__fine_tune": {"epochs": 1, "batch_size": 64}}):
        with suppress(_Caught):
            run(recipe_from_values(tiny_values(output, **alike, **changes), "step_cost"), catch)
    return caught


def _measured(jobs: dict[str, TrainingJob], rounds: int) -> Iterator[list[str]]:
    ways: dict[str, Callable[[Reading], None]] = {_PLAIN: partial(_plain, jobs["labels"])}
    for (name, job), backend in product(jobs.items(), ("torch", "deepspeed")):
        trained = replace(job, engine=job.engine.model_copy(update={"backend": backend}))
        ways[f"{name}, {backend}"] = partial(_ours, trained)
    counts = {name: _counts(way) for name, way in ways.items()}
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            found[name] += _times(way)
    for name, costs in found.items():
        quick, usual = (1e3 * of(costs) / _STEPS for of in (min, median))
        operations, waits = counts[name]
        more = f"{operations / counts[_PLAIN][0]:.3f}"
        yield [
            name,
            f"{quick:.2f}",
            f"{min(costs) / min(found[_PLAIN]):.2f}",
            f"{usual:.2f}",
            f"{operations:.0f}",
            more,
            f"{waits:g}",
        ]


def _times(way: Callable[[Reading], None]) -> list[float]:
    """Seconds of processor time of each so many steps, without the first, in which all is new."""
    times: list[float] = []
    way(lambda step: times.append(time.process_time()))
    return [after - before for before, after in pairwise(times[1:])]


def _counts(way: Callable[[Reading], None]) -> tuple[float, float]:
    """How many operations PyTorch's profiler sees in a step, and how many of them would wait for a GPU."""
    events: list[Any] = []
    with ExitStack() as seen:

        def reading(step: int) -> None:
            nonlocal events
            if step == _STEPS:
                events = seen.enter_context(profiled())
            elif step == 2 * _STEPS:
                seen.close()

        way(reading)
    return len(events) / _STEPS, len(blocking(events)) / _STEPS


def _ours(job: TrainingJob, reading: Reading) -> None:
    """Train by this project's loop."""

    def report(row: Report) -> None:
        if row.kind == "step" and row.step % _STEPS == 0:
            reading(row.step)

    train_in_process(replace(job, output=Path(tempfile.mkdtemp(prefix="job-"))), report)


def _plain(job: TrainingJob, reading: Reading) -> None:
    """The same of a loop as one writes it by hand, over batches that are there already."""
    training, objective, device = job.training, job.objective, default_device()
    model = objective.build(job.initial, job.seed).to(device).train()
    optimizer = torch.optim.AdamW(
        [group.settings for group in parameter_groups(model, training)], lr=training.lr, fused=True
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_factor(step, job.steps, job.steps // 10))
    batches = []
    for rows in epoch_batches(objective.lengths, training.batch_size, job.seed, 0)[: job.steps]:
        batch: Any = objective.batch(rows, True, 0)
        start, end = batch.targets.position.unbind(1)
        batches.append({**batch.inputs, "start_positions": start, "end_positions": end})
    for number, given in enumerate(batches, 1):
        with autocast(device, job.precision):
            loss = model(**{name: value.to(device) for name, value in given.items()}).loss
        loss.backward()
        clip_grad_norm_(model.parameters(), training.clip)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if number % _STEPS == 0:
            reading(number)


if __name__ == "__main__":
    main()
