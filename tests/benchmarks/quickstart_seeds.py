"""Does distillation pay in the miniature? The quickstart with several seeds, its two students side by side.

    .venv/bin/python tests/benchmarks/quickstart_seeds.py [--seeds 5] [--output FOLDER] [place=value ...]

Every seed draws its own paragraphs, label noise, initial weights and order. Both students of a seed share all of them.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import mean, stdev

from framework.recipe.load import load_recipe
from framework.run import run
from launch.quiet import be_quiet, quiet_transformers


def main() -> None:
    """Run the seeds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=None)
    parser.add_argument("overrides", nargs="*")
    arguments = parser.parse_args()
    be_quiet()
    quiet_transformers()
    output = arguments.output or Path(tempfile.mkdtemp(prefix="seeds-"))
    rows = [_figures(seed, output, arguments.overrides) for seed in range(arguments.seeds)]

    print(
        "\n| seed | teacher EM / F1 | without EM / F1 | with EM / F1 | difference EM / F1 |\n| --- | ---: | ---: | ---: | ---: |"
    )
    for seed, models in enumerate(rows):
        difference = [
            with_ - without for with_, without in zip(models["student"], models["student_no_distillation"], strict=True)
        ]
        cells = [*(models[name] for name in ("teacher", "student_no_distillation", "student")), difference]
        print(f"| {seed} | " + " | ".join(f"{em:.1f} / {f1:.1f}" for em, f1 in cells) + " |")
    for number, metric in enumerate(("EM", "F1")):
        differences = [models["student"][number] - models["student_no_distillation"][number] for models in rows]
        error = stdev(differences) / len(differences) ** 0.5
        print(
            f"{metric}: without {mean(models['student_no_distillation'][number] for models in rows):.2f}, "
            f"with {mean(models['student'][number] for models in rows):.2f}, "
            f"difference {mean(differences):.2f} ± {error:.2f} (standard error, n = {len(differences)})"
        )


def _figures(seed: int, output: Path, overrides: list[str]) -> dict[str, tuple[float, float]]:
    places = [f"seed={seed}", f"data.source.seed={seed}", f"output={output}", "evaluation.latency_questions=0"]
    results = run(load_recipe(Path("recipes/quickstart.yaml"), [*places, *overrides]))
    found = {
        model["name"]: (model["evaluation"]["exact_match"], model["evaluation"]["f1"]) for model in results["models"]
    }
    print(f"seed {seed}: " + ", ".join(f"{name} {em:.1f}/{f1:.1f}" for name, (em, f1) in found.items()), flush=True)
    return found


if __name__ == "__main__":
    main()
