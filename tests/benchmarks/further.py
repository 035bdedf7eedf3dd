"""What do ideas beyond the paper give in the miniature? Variants of recipes/quickstart.yaml's student, with several seeds.

    OMP_NUM_THREADS=1 .venv/bin/python tests/benchmarks/further.py [--seeds 5] [--only NAME ...] [--output FOLDER] [place=value ...]

Every seed draws its own paragraphs, label noise, initial weights and order. A seed's teacher is trained and asked once, and
teaches all its students. The last columns are differences within a seed from the quickstart's student.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from distil.framework.recipe.load import load_recipe
from distil.framework.run import run
from distil.launch.quiet import be_quiet, quiet_transformers

FIRST = "the quickstart's student"
MORE = "data.extra.more={source: {kind: synthetic, seed: %d, examples: {train: 2400}, facts: 3, fillers: 0}}"
LAYERS = [
    "student.model={kind: layers, teacher: teacher, layers: [1, 3]}",
    "student.tokenizer={kind: pretrained}",
    "student.lr=5e-4",  # the teacher's
]

VARIANTS = {  # those with a baseline are trained on labels alone too
    FIRST: [],
    "2,400 more questions, as many steps": ["student.unlabelled=[more]", "student.epochs=5"],
    "half the width": ["student.model.config.hidden_size=32", "student.model.config.intermediate_size=128"],
    "double the width": ["student.model.config.hidden_size=128", "student.model.config.intermediate_size=512"],
    "deep and thin, 5 layers of 48": [
        "student.model.config={hidden_size: 48, num_hidden_layers: 5, num_attention_heads: 2, intermediate_size: 192}"
    ],
    "2 of the teacher's 4 layers": LAYERS,
    "2 of the teacher's 4 layers, hidden_mse": [*LAYERS, "losses.hidden_mse={weight: 1.0}"],
    "2 times the epochs": ["student.epochs=32"],
    "4 times the epochs": ["student.epochs=64"],
}
WITH_BASELINE = {FIRST, "2 times the epochs", "4 times the epochs"}


def main() -> None:
    """Run the seeds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--output", type=Path, default=None)
    parser.add_argument("overrides", nargs="*")
    arguments = parser.parse_args()
    be_quiet()
    quiet_transformers()
    output = arguments.output or Path(tempfile.mkdtemp(prefix="further-"))
    names = list(dict.fromkeys([FIRST, *arguments.only]))
    seeds = [_seed(seed, names, output, arguments.overrides) for seed in range(arguments.seeds)]

    print(f"\n{len(seeds)} seeds; mean ± standard error; differences are paired by seed\n")
    print("| student | parameters | EM | F1 | difference EM | F1 |\n| --- | ---: | ---: | ---: | ---: | ---: |")
    for name in seeds[0]:
        found = [seed[name]["evaluation"] for seed in seeds]
        first = [seed[FIRST]["evaluation"] for seed in seeds]
        cells = [f"{seeds[0][name]['parameters'] / 1e6:.2f}M"]
        cells += [_spread([one[metric] for one in found]) for metric in ("exact_match", "f1")]
        for metric in ("exact_match", "f1"):
            cells.append(_spread([one[metric] - other[metric] for one, other in zip(found, first, strict=True)], "+"))
        print(f"| {name} | " + " | ".join(cells) + " |")


def _seed(seed: int, names: list[str], output: Path, overrides: list[str]) -> dict[str, dict[str, Any]]:
    """The models of one seed, as in results.json."""
    places = [f"seed={seed}", f"data.source.seed={seed}", f"output={output}", "evaluation.latency_questions=0"]
    models = {}
    for name in names:
        more = [MORE % (1000 + seed)] if "student.unlabelled=[more]" in VARIANTS[name] else []
        baseline = [] if name in WITH_BASELINE else ["baselines=null"]
        changed = [*places, *more, *VARIANTS[name], *baseline, *overrides]
        for model in run(load_recipe(Path("recipes/quickstart.yaml"), changed))["models"]:
            called = {"teacher": "the teacher", "student": name}.get(model["name"], f"{name}, on labels alone")
            models[called] = model
            if called == name or (called == "the teacher" and name == FIRST):
                score = model["evaluation"]
                print(f"seed {seed}, {called}: {score['exact_match']:.1f}/{score['f1']:.1f}", flush=True)
    return models


def _spread(values: list[float], sign: str = "") -> str:
    error = stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return f"{mean(values):{sign}.1f} ± {error:.1f}"


if __name__ == "__main__":
    main()
