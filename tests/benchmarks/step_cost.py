"""What does a distillation step on stored signals cost beside a plain fine-tuning step?

    OMP_NUM_THREADS=1 .venv/bin/python tests/benchmarks/step_cost.py [--rounds 7] [--hidden 256] [--layers 4]

The same student, windows and batches, trained in turn by both losses in one process; the ratio is taken pair by pair.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from framework.recipe.load import recipe_from_values
from framework.run import prepare
from framework.training.history import Report
from framework.training.job import TrainingJob
from framework.training.loop import train_in_process
from launch.quiet import be_quiet, quiet_transformers
from tests.tiny import tiny_values


class _Taken(Exception):
    pass


def main() -> None:
    """Take both jobs from a recipe's stages, train them in turn, and print seconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--questions", type=int, default=320)
    arguments = parser.parse_args()
    be_quiet()
    quiet_transformers()
    jobs = _jobs(arguments, Path(tempfile.mkdtemp(prefix="step-")))
    for job in jobs.values():
        _seconds(job)
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(arguments.rounds):
        for name, job in jobs.items():
            times[name].append(_seconds(job))
    items = jobs["plain"].items
    print(f"{len(items.features)} windows of {items.features.lengths.mean():.0f} tokens on average, batch 16")
    for name, seconds in times.items():
        print(f"{name:9s} {min(seconds):.3f} {median(seconds):.3f} {max(seconds):.3f} s (min, median, max)")
    ratios = [distilled / plain for distilled, plain in zip(times["distilled"], times["plain"], strict=True)]
    print(f"distilled ÷ plain: median {median(ratios):.3f}, {min(ratios):.3f} to {max(ratios):.3f}")


def _jobs(arguments: argparse.Namespace, output: Path) -> dict[str, TrainingJob]:
    size = {"dim": arguments.hidden, "n_layers": arguments.layers, "n_heads": 4, "hidden_dim": 4 * arguments.hidden}
    values = tiny_values(
        output,
        data__source__examples={"train": arguments.questions, "validation": 24},
        data__source__persons=4,
        data__source__facts=6,
        data__source__fillers=1,
        windows={"max_length": 384, "doc_stride": 128},
        student__model={"kind": "config", "architecture": "distilbert", "config": size},
        student__epochs=1,
        student__log_every=1000,
        student__checkpoint_every=100000,
    )
    values["engine"]["threads"] = None
    taken: dict[str, TrainingJob] = {}

    def take(job: TrainingJob, report: Any) -> Any:
        if "kl" not in job.losses and job.initial.parent.name != student_initial:
            return train_in_process(job, report)
        taken["distilled" if "kl" in job.losses else "plain"] = job
        raise _Taken

    context, graph = prepare(recipe_from_values(values, "step_cost"), take)
    student_initial = graph.models[-1].initial.digest
    for stage, _ in graph.stages():
        if stage.kind == "evaluations":
            continue
        try:
            context.store.produce(stage.key, stage.make)
        except _Taken:
            continue
    return {name: taken[name] for name in ("plain", "distilled")}


def _seconds(job: TrainingJob) -> float:
    """Seconds of the steps alone, without building the engine and saving."""
    import time

    marks: list[float] = []

    def report(row: Report) -> None:
        if row.kind in ("resume", "step"):
            marks.append(time.monotonic())

    train_in_process(replace(job, output=Path(tempfile.mkdtemp(prefix="job-"))), report)
    return marks[-1] - marks[0]


if __name__ == "__main__":
    main()
