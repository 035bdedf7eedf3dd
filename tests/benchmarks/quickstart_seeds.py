"""Does distillation pay in miniature? A quickstart's recipe with several seeds, its models side by side.

    .venv/bin/python tests/benchmarks/quickstart_seeds.py [RECIPE] [--seeds 5] [--output FOLDER] [place=value ...]

RECIPE: recipes/quickstart.yaml, unless another is named. Every seed draws its own texts, label noise, initial weights and
order; all students of a seed share all of them. Two metrics are shown, the task's first two. Differences are paired by seed;
with an ensemble the second is to the better of the students of single teachers, found on the very examples that are shown,
which favours these.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import mean, stdev

from distil.framework.recipe.load import load_recipe
from distil.framework.run import run
from distil.launch.quiet import be_quiet, quiet_transformers

Figures = dict[str, tuple[float, ...]]  # by model, the metrics


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
    labels, rows = found[0][0], [figures for _, figures in found]

    print(f"\n| seed | {' | '.join(rows[0])} |\n| --- |{' ---: |' * len(rows[0])}")
    for seed, models in enumerate(rows):
        print(
            f"| {seed} | " + " | ".join(" / ".join(f"{one:.1f}" for one in found) for found in models.values()) + " |"
        )
    print("| mean | " + " | ".join(" / ".join(_means(rows, name)) for name in rows[0]) + " |\n")
    singles = [name for name in rows[0] if name.startswith("student_from_")]
    _difference("student − student_no_distillation", labels, rows, ["student_no_distillation"])
    if singles:
        _difference("student − the better student of a single teacher", labels, rows, singles)


def _seed(seed: int, path: Path, output: Path, overrides: list[str]) -> tuple[list[str], Figures]:
    """The metrics' labels, and the figures of all models."""
    recipe = load_recipe(path)
    places = [f"seed={seed}", f"data.source.seed={seed}", f"output={output}", "evaluation.latency_questions=0"]
    places += [f"data.extra.{name}.source.seed={one.source.seed + seed}" for name, one in recipe.data.extra.items()]
    results = run(load_recipe(path, [*places, *overrides]))
    metrics = results["task"]["metrics"][:2]
    found = {
        model["name"]: tuple(model["evaluation"][metric["name"]] for metric in metrics) for model in results["models"]
    }
    said = [f"{name} {'/'.join(f'{one:.1f}' for one in values)}" for name, values in found.items()]
    print(f"seed {seed}: {', '.join(said)}", flush=True)
    return [metric["label"] for metric in metrics], found


def _means(rows: list[Figures], name: str) -> list[str]:
    return [f"{mean(values):.1f}" for values in zip(*(models[name] for models in rows), strict=True)]


def _difference(title: str, labels: list[str], rows: list[Figures], others: list[str]) -> None:
    """Of the student from the best of others, with its standard error, for each metric."""
    for number, label in enumerate(labels):
        differences = [models["student"][number] - max(models[name][number] for name in others) for models in rows]
        error = stdev(differences) / len(differences) ** 0.5 if len(differences) > 1 else float("nan")
        print(f"{label}: {title} {mean(differences):+.2f} ± {error:.2f} (standard error, n = {len(differences)})")


if __name__ == "__main__":
    main()
