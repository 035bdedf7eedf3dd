"""Does distillation pay in miniature? A quickstart's recipe with several seeds, its models side by side.

    .venv/bin/python tests/benchmarks/quickstart_seeds.py [RECIPE] [--seeds 5] [--output FOLDER] [place=value ...]

RECIPE: recipes/quickstart.yaml, unless another is named. Every seed draws its own texts, label noise, initial weights and
order; all students of a seed share all of them. Two metrics are shown, the task's first two. Differences are paired by seed;
with an ensemble the second is to the better of the students of single teachers, found on the very examples that are shown,
which favours these.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev

from distil.framework.metrics import Metric
from distil.framework.recipe.load import load_recipe
from distil.framework.run import run
from distil.framework.tables import NOTHING
from distil.framework.tasks.registry import summary_in
from distil.launch.quiet import be_quiet, quiet_transformers

Figures = dict[str, tuple[float | None, ...]]  # by model, the metrics, None where it has no value of one


def main() -> None:
    """Run the seeds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", nargs="?", default="recipes/quickstart.yaml")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=None)
    parser.add_argument("overrides", nargs="*")
    arguments = parser.parse_args()
    if not arguments.recipe.endswith(".yaml"):  # an override
        arguments.overrides.insert(0, arguments.recipe)
        arguments.recipe = "recipes/quickstart.yaml"
    be_quiet()
    quiet_transformers()
    output = arguments.output or Path(tempfile.mkdtemp(prefix="seeds-"))
    found = [_seed(seed, Path(arguments.recipe), output, arguments.overrides) for seed in range(arguments.seeds)]
    metrics, rows = found[0][0], [figures for _, figures in found]

    print(f"\n| seed | {' | '.join(rows[0])} |\n| --- |{' ---: |' * len(rows[0])}")
    for seed, models in enumerate(rows):
        print(f"| {seed} | " + " | ".join(_beside(metrics, found) for found in models.values()) + " |")
    print("| mean | " + " | ".join(_beside(metrics, _means(rows, name)) for name in rows[0]) + " |\n")
    singles = [name for name in rows[0] if name.startswith("student_from_")]
    _difference("student − student_no_distillation", metrics, rows, ["student_no_distillation"])
    if singles:
        _difference("student − the better student of a single teacher", metrics, rows, singles)


def _seed(seed: int, path: Path, output: Path, overrides: list[str]) -> tuple[Sequence[Metric], Figures]:
    """The metrics, and the figures of all models."""
    recipe = load_recipe(path)
    places = [f"seed={seed}", f"data.source.seed={seed}", f"output={output}", "evaluation.latency_questions=0"]
    places += [f"data.extra.{name}.source.seed={one.source.seed + seed}" for name, one in recipe.data.extra.items()]
    results = run(load_recipe(path, [*places, *overrides]))
    metrics = summary_in(results).metrics[:2]
    found = {
        model["name"]: tuple((model["evaluation"] or {}).get(metric.name) for metric in metrics)
        for model in results["models"]
    }
    said = [f"{name} {_beside(metrics, values)}" for name, values in found.items()]
    print(f"seed {seed}: {', '.join(said)}", flush=True)
    return metrics, found


def _beside(metrics: Sequence[Metric], values: Sequence[float | None]) -> str:
    pairs = zip(metrics, values, strict=True)
    return " / ".join(NOTHING if value is None else metric.text(value) for metric, value in pairs)


def _means(rows: list[Figures], name: str) -> list[float | None]:
    by_metric = zip(*(models[name] for models in rows), strict=True)
    return [None if None in values else mean(value for value in values if value is not None) for values in by_metric]


def _difference(title: str, metrics: Sequence[Metric], rows: list[Figures], others: list[str]) -> None:
    """Of the student from the best of others, with its standard error, for each metric."""
    for number, metric in enumerate(metrics):
        values = [{name: models[name][number] or 0.0 for name in ("student", *others)} for models in rows]
        differences = [one["student"] - max((one[name] for name in others), key=metric.gain) for one in values]
        error = stdev(differences) / len(differences) ** 0.5 if len(differences) > 1 else float("nan")
        shown = f"{metric.change(mean(differences))} ± {metric.text(error, 2)}"
        print(f"{metric.label}: {title} {shown} (standard error, n = {len(differences)})")


if __name__ == "__main__":
    main()
