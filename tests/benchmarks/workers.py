"""Two Ray workers of one thread each against one: examples a second and the difference of their losses.

    .venv/bin/python tests/benchmarks/workers.py [--hidden 256] [--layers 4] [--questions 320]

Both go through Ray, without dropout, over the same batches; the speed is that of all steps after the first quarter.
"""

import argparse
import json
import tempfile
from pathlib import Path
from statistics import median

from framework.progress import SILENT
from framework.recipe_file import recipe_from_values
from framework.run import prepare
from framework.training.job import ReportTo, TrainingJob, TrainingSummary
from launch.quiet import be_quiet, quiet_transformers
from tests.tiny import tiny_values


def main() -> None:
    """Train with one and with two workers and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--questions", type=int, default=320)
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    be_quiet()
    quiet_transformers()
    ratios = []
    for _ in range(arguments.rounds):
        rows = {workers: _train(arguments, workers) for workers in (1, 2)}
        speeds = {
            workers: median(row["windows_per_second"] for row in found[len(found) // 4 :])
            for workers, found in rows.items()
        }
        apart = max(abs(one["loss"] - two["loss"]) for one, two in zip(rows[1], rows[2], strict=True))
        ratios.append(speeds[2] / speeds[1])
        print(
            f"one worker {speeds[1]:.1f} examples/s, two workers {speeds[2]:.1f} examples/s, ratio {ratios[-1]:.2f}; "
            f"losses differ by {apart:.1e} at most over {len(rows[1])} readings",
            flush=True,
        )


def _train(arguments: argparse.Namespace, workers: int) -> list[dict[str, float]]:
    size = {"dim": arguments.hidden, "n_layers": arguments.layers, "n_heads": 4, "hidden_dim": 4 * arguments.hidden}
    size |= {"dropout": 0.0, "attention_dropout": 0.0, "qa_dropout": 0.0}
    values = tiny_values(
        Path(tempfile.mkdtemp(prefix="workers-")),
        data__source__examples={"train": arguments.questions, "validation": 24},
        data__source__persons=4,
        data__source__facts=6,
        data__source__fillers=1,
        windows={"max_length": 384, "doc_stride": 128},
        teachers=None,
        baselines=None,
        losses={"hard_label": None},
        student__model={"kind": "config", "architecture": "distilbert", "config": size},
        student__epochs=1,
        engine__workers=workers,
    )

    def train(job: TrainingJob, report: ReportTo) -> TrainingSummary:
        from launch.ray_training import train_on_ray

        return train_on_ray(job, report, SILENT)

    context, graph = prepare(recipe_from_values(values, "workers"), train)
    (model,) = graph.models
    for stage in (model.tokenizer, model.initial, model.trained):
        assert stage is not None
        artifact = context.store.produce(stage.kind, stage.inputs, stage.make)
    rows = [json.loads(line) for line in (artifact.folder / "history.jsonl").read_text().splitlines()]
    return [row["metrics"] for row in rows if row["kind"] == "step"]


if __name__ == "__main__":
    main()
