"""Who teaches a student that writes best, in miniature? recipes/quickstart_text.yaml with one to four teachers, every rule and several seeds.

    .venv/bin/python tests/benchmarks/text_students.py [--seeds 0 1 2 3 4] [--rules mean geometric ...] [--output FOLDER] [place=value ...]

To the recipe's teachers come a GPT-2 and a Qwen3, with a tokenizer and 1,250 instructions of their own each. Every seed draws its own instructions,
wrong completions, weights and order; its students share all of them, and teachers are trained and asked once a seed. Three tables: students
of nobody, of each teacher and of all four by each rule; students of the first 1, 2, 3 and 4 teachers by `mean`; and, for a student with the
second teacher's own tokenizer, what losses for any tokenizer come to beside the loss on next tokens, which is their bound. Bits per byte, and exact match in
percent; ± is the standard error of a mean, and of differences that are paired by seed.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import yaml

from distil.framework.recipe.load import load_recipe
from distil.framework.run import run
from distil.launch.quiet import be_quiet, quiet_transformers

RECIPE = Path("recipes/quickstart_text.yaml")
RULES = {
    "mean": {"rule": "mean"},
    "geometric": {"rule": "geometric"},
    "weighted": {"rule": "weighted", "weights": {"neox": 1, "llama": 2, "gpt2": 1, "qwen3": 2}},
    "confidence": {"rule": "confidence"},
    "agreement": {"rule": "agreement"},
    "posterior": {"rule": "posterior"},
    "route": {"rule": "route", "by": "confidence"},
    "sampled": {"rule": "sampled"},
}
_SIZES = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 96}
_FURTHER: dict[str, dict[str, Any]] = {
    "gpt2": {"n_embd": 128, "n_layer": 2, "n_head": 4, "n_inner": 256, "n_positions": 96},
    "qwen3": {**_SIZES, "intermediate_size": 256, "num_key_value_heads": 2, "head_dim": 32},
}
_VOCABULARIES = {"gpt2": 1000, "qwen3": 1500}
_SPLITS = {"gpt2": "train[2700:3950]", "qwen3": "train[3950:]"}
_ANY = {"kl": {"weight": 0.4, "temperature": 1.0}, "chunk": {"weight": 0.4}, "hard_label": {"weight": 0.2}}
_SAME = {"next_token": {"weight": 0.8}, "hard_label": {"weight": 0.2}}
Figures = dict[str, tuple[float, float]]  # bits per byte and exact match, of whoever writes; else NaN


def main() -> None:
    """Run the seeds and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    parser.add_argument("--rules", nargs="*", choices=list(RULES), default=list(RULES))
    parser.add_argument("--output", type=Path, default=None)
    parser.add_argument("overrides", nargs="*")
    arguments = parser.parse_args()
    be_quiet()
    quiet_transformers()
    output = arguments.output or Path(tempfile.mkdtemp(prefix="text-students-"))
    found: list[Figures] = []
    for seed in arguments.seeds:
        found.append({})
        for part in _seed(seed, arguments.rules, output / str(seed), arguments.overrides):
            new = {name: figures for name, figures in part.items() if name not in found[-1]}
            found[-1].update(new)
            said = (f"{name} {bits:.4f} / {exact:.1f}" for name, (bits, exact) in new.items())
            print(f"seed {seed}: {', '.join(said)}", flush=True)
        if len(found) < len(arguments.seeds):
            continue
        _tables(found, arguments.rules)


def _seed(seed: int, rules: list[str], output: Path, overrides: list[str]) -> Iterator[Figures]:
    """Figures of one seed's models, run by run."""
    output.mkdir(parents=True, exist_ok=True)
    base: dict[str, Any] = yaml.safe_load(RECIPE.read_text(encoding="utf-8"))
    source = base["data"]["source"]
    source |= {"seed": seed, "examples": {**source["examples"], "train": 5200}}
    base["data"]["splits"] |= {"second": "train[1450:2700]", **_SPLITS}
    base |= {"seed": seed, "output": str(output), "evaluation": {"latency_questions": 0}}
    every = base["teachers"] | {name: _teacher(name) for name in _FURTHER}

    def ran(teachers: Mapping[str, Any], baselines: list[str], **changes: Any) -> Figures:
        asked = {"train", "more", "dev"} | {teacher["split"] for teacher in teachers.values()}
        splits = {name: place for name, place in base["data"]["splits"].items() if name in asked}
        values = base | {"data": base["data"] | {"splits": splits}}
        values |= {"teachers": dict(teachers), "baselines": baselines} | changes
        if len(teachers) == 1:
            values.pop("ensemble")
        path = output / "recipe.yaml"
        path.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
        models: Any = run(load_recipe(path, overrides))["models"]
        return {model["name"]: _figures(model["evaluation"]) for model in models}

    for number, rule in enumerate(rules):
        baselines = ["no_distillation", *every] if number == 0 else []
        found = ran(every, baselines, ensemble=RULES[rule])
        yield {f"{name} {rule}" if name in ("ensemble", "student") else name: one for name, one in found.items()}
    for count in range(2, len(every)):
        found = ran(dict(list(every.items())[:count]), [])
        yield {f"student of {count}": found["student"]}
    tokenizer = {"kind": "pretrained", "id": str(_tokenizer(output, every["llama"]["tokenizer"]["vocab_size"]))}
    student = base["student"] | {"tokenizer": tokenizer}
    for name, losses in (("any", _ANY), ("same", _SAME)):
        alone = ["no_distillation"] if name == "any" else []
        found = ran({"llama": every["llama"] | {"tokenizer": tokenizer}}, alone, losses=losses, student=student)
        yield {f"{name}: {model}": one for model, one in found.items() if model != "llama"}


def _teacher(name: str) -> dict[str, Any]:
    return {
        "kind": "generative",
        "model": {"kind": "config", "architecture": name, "config": _FURTHER[name]},
        "tokenizer": {"kind": "bpe", "vocab_size": _VOCABULARIES[name]},
        "split": name,
        "fine_tune": {"lr": 3e-3, "epochs": 12, "batch_size": 32},
    }


def _tokenizer(output: Path, size: int) -> Path:
    """The folder of the tokenizer of so many tokens, less a few that are special."""
    files = output.glob("store/tokenizers/*/tokenizer/tokenizer.json")
    sizes = {file.parent: len(json.loads(file.read_text(encoding="utf-8"))["model"]["vocab"]) for file in files}
    return next(folder for folder, found in sizes.items() if size - 10 < found <= size)


def _figures(evaluation: Mapping[str, Any]) -> tuple[float, float]:
    exact = evaluation.get("exact_match")
    return evaluation["bits_per_byte"], float("nan") if exact is None else exact


def _tables(found: list[Figures], rules: list[str]) -> None:
    teachers = [name.removeprefix("student_from_") for name in found[0] if name.startswith("student_from_")]
    print(
        f"\n{len(found)} seeds; bits per byte, exact match; − is to the best teacher, or its student, by bits per byte\n"
    )
    _header("teacher")
    for name in [*teachers, *(f"ensemble {rule}" for rule in rules)]:
        _row(name, name, found, teachers)
    print()
    _header("student of")
    singles = [f"student_from_{name}" for name in teachers]
    _row("nobody", "student_no_distillation", found, singles)
    for name in [*singles, *(f"student {rule}" for rule in rules)]:
        _row(name.removeprefix("student_from_").removeprefix("student "), name, found, singles)
    print()
    _header("teachers, by `mean`")
    for count in range(1, len(teachers) + 1):
        alone, all_of_them = (count == 1, f"student_from_{teachers[0]}"), (count == len(teachers), "student mean")
        name = next((name for fits, name in (alone, all_of_them) if fits), f"student of {count}")
        _row(str(count), name, found, singles)
    print()
    _header("student with llama's tokenizer")
    names = {"any: student_no_distillation": "alone", "any: student": "kl and chunk", "same: student": "next_token"}
    for name, title in names.items():
        _row(title, name, found, ["any: student_no_distillation"])


def _header(of_what: str) -> None:
    print(f"| {of_what} | bits per byte | − | exact match | − |\n| --- | ---: | ---: | ---: | ---: |")


def _row(title: str, name: str, found: list[Figures], reference: list[str]) -> None:
    best = [min((one[other] for other in reference), key=lambda figures: figures[0]) for one in found]
    cells = []
    for number, digits in ((0, 4), (1, 1)):
        own = [one[name][number] for one in found]
        cells.append(_spread(own, digits))
        cells.append(_spread([value - other[number] for value, other in zip(own, best, strict=True)], digits))
    print(f"| {title} | " + " | ".join(cells) + " |")


def _spread(values: list[float], digits: int) -> str:
    if any(value != value for value in values):
        return "–"
    error = stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return f"{mean(values):.{digits}f} ± {error:.{digits}f}"


if __name__ == "__main__":
    main()
