"""Do ensembles pay in the miniature? recipes/quickstart_ensemble.yaml with every rule and several seeds.

    .venv/bin/python tests/benchmarks/ensembles.py [--seeds 5] [--rules mean geometric ...] [--output FOLDER] [place=value ...]

Every seed draws its own paragraphs, label noise, initial weights and order; its students share all of them. Teachers are
trained and asked once a seed, whatever the number of rules. Two tables: the ensemble by itself against the best of its
teachers, and the student that it teaches against the students of no teacher and of the best single teacher (by EM on the
very questions, which favours the single teacher).
"""

import argparse
import tempfile
from pathlib import Path
from statistics import mean, stdev

from distil.framework.recipe.load import load_recipe
from distil.framework.run import run
from distil.launch.quiet import be_quiet, quiet_transformers

RULES = {  # without label_aware: the students learn from questions without labels too
    "mean": "{rule: mean}",
    "geometric": "{rule: geometric}",
    "weighted": "{rule: weighted, weights: f1}",
    "confidence": "{rule: confidence}",
    "agreement": "{rule: agreement}",
    "sampled": "{rule: sampled}",
}
Figures = dict[str, tuple[float, float]]


def main() -> None:
    """Run the seeds and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=list(range(5)))
    parser.add_argument("--rules", nargs="*", choices=list(RULES), default=list(RULES))
    parser.add_argument("--output", type=Path, default=None)
    parser.add_argument("overrides", nargs="*")
    arguments = parser.parse_args()
    be_quiet()
    quiet_transformers()
    output = arguments.output or Path(tempfile.mkdtemp(prefix="ensembles-"))
    seeds = [_seed(seed, arguments.rules, output, arguments.overrides) for seed in arguments.seeds]
    teachers = [name.removeprefix("student_from_") for name in seeds[0] if name.startswith("student_from_")]

    print(f"\n{len(seeds)} seeds; mean ± standard error, EM / F1; differences are paired by seed\n")
    print("| teachers | EM | F1 | − the best of a seed, EM | F1 |\n| --- | ---: | ---: | ---: | ---: |")
    best = [max(found[name] for name in teachers) for found in seeds]
    for name in [*teachers, *(f"ensemble {rule}" for rule in arguments.rules)]:
        _row(name, [found[name] for found in seeds], best)
    print("\n| student of | EM | F1 | − from the best teacher, EM | F1 |\n| --- | ---: | ---: | ---: | ---: |")
    best = [max(found[f"student_from_{name}"] for name in teachers) for found in seeds]
    _row("no teacher", [found["student_no_distillation"] for found in seeds], best)
    for name in [*(f"student_from_{name}" for name in teachers), *(f"student {rule}" for rule in arguments.rules)]:
        _row(name, [found[name] for found in seeds], best)


def _seed(seed: int, rules: list[str], output: Path, overrides: list[str]) -> Figures:
    """EM and F1 of everything of one seed."""
    places = [
        f"seed={seed}",
        f"data.source.seed={seed}",
        f"data.extra.more.source.seed={1000 + seed}",
        f"output={output}",
        "evaluation.latency_questions=0",
    ]
    figures: Figures = {}
    for rule in rules:
        recipe = load_recipe(Path("recipes/quickstart_ensemble.yaml"), [*places, f"ensemble={RULES[rule]}", *overrides])
        for model in run(recipe)["models"]:
            name = f"{model['name']} {rule}" if model["name"] in ("ensemble", "student") else model["name"]
            figures[name] = (model["evaluation"]["exact_match"], model["evaluation"]["f1"])
        print(
            f"seed {seed}, {rule}: " + ", ".join(f"{k} {em:.1f}/{f1:.1f}" for k, (em, f1) in figures.items()),
            flush=True,
        )
    return figures


def _row(name: str, found: list[tuple[float, float]], reference: list[tuple[float, float]]) -> None:
    cells = []
    for number in (0, 1):
        cells.append(_spread([values[number] for values in found]))
    for number in (0, 1):
        cells.append(_spread([a[number] - b[number] for a, b in zip(found, reference, strict=True)]))
    print(f"| {name} | " + " | ".join(cells) + " |")


def _spread(values: list[float]) -> str:
    error = stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return f"{mean(values):.2f} ± {error:.2f}"


if __name__ == "__main__":
    main()
