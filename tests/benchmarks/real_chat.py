"""Does a small chat model pay as a teacher beside a fine-tuned encoder, where few examples have labels? With real weights.

    .venv/bin/python tests/benchmarks/real_chat.py --task classification --chat FOLDER --encoder FOLDER --train FILE --test FILE
        [--labels 10] [--known 5] [--held-out 4] [--measured 20] [--shots none nearest:3 random:3] [--rules mean weighted confidence]
        [--reading likelihood] [--seed 0] [--output FOLDER] [place=value ...]
    .venv/bin/python tests/benchmarks/real_chat.py --task extractive_qa --train FILE [--known 30] [--held-out 4] [--measured 8] ...

For classification, FILEs are CSV files of texts with their labels, `text` and `category`: of these some labels are drawn, and of each label so many
texts to learn from, to fit temperatures and weights to, and, of the second FILE, to measure by. For extractive_qa, FILE is one in SQuAD's form, and
the numbers are of articles, which are cut into three. The encoder is fine-tuned on the known ones. The chat model is asked as it is, without
examples or with some of the known ones, random ones or the nearest by the encoder's own embeddings. Each one's temperature is calibrated, and
both become one by each rule. Answers are kept in --output: who runs this again, with another reading or rule too, asks nothing twice.
"""

import argparse
import csv
import json
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from distil.framework.chat.shots import Embedder
from distil.framework.recipe.load import load_recipe
from distil.framework.recipe.schema import Recipe
from distil.framework.run import run
from distil.launch.quiet import be_quiet, quiet_transformers

_SPLITS = ("train", "held_out", "dev")
_TRAINING = {
    "classification": {"lr": 1e-4, "epochs": 8, "batch_size": 16},
    "extractive_qa": {"lr": 2e-4, "epochs": 6, "batch_size": 16, "warmup": 0.1},
}
_WINDOWS = {"classification": {"max_length": 64}, "extractive_qa": {"max_length": 256, "doc_stride": 64}}
_WEIGHTS = {"classification": "accuracy", "extractive_qa": "f1"}


def main() -> None:
    """Run all and print a row for each model."""
    arguments = _arguments()
    be_quiet()
    quiet_transformers()
    arguments.output = arguments.output or Path(tempfile.mkdtemp(prefix="real-chat-"))
    arguments.output.mkdir(parents=True, exist_ok=True)
    data = (_texts if arguments.task == "classification" else _articles)(arguments)
    for number, shots in enumerate(arguments.shots):
        for rule in arguments.rules:
            began = time.perf_counter()
            results: Any = run(_recipe(arguments, data, shots, rule))
            metrics = results["task"]["metrics"]
            if number == 0 and rule == arguments.rules[0]:
                labels = " | ".join(f"{metric['label']} [95 % interval]" for metric in metrics)
                print(f"| examples | model | {labels} | seconds an example |\n|{' --- |' * (len(metrics) + 3)}")
            for model in (one for one in results["models"] if one["role"] != "student"):
                name = f"{model['name']} by {rule}" if model["name"] == "ensemble" else model["name"]
                seconds = model.get("usage", {}).get("seconds")
                took = "" if seconds is None else f"{seconds:.2f}"
                figures = " | ".join(_figure(model["evaluation"], metric["name"]) for metric in metrics)
                print(f"| {shots} | {name} | {figures} | {took} |", flush=True)
            fitted = ", ".join(f"{name} {told['temperature']:.2f}" for name, told in results["held_out"].items())
            if arguments.task == "classification" and shots.startswith("nearest") and rule == arguments.rules[0]:
                print(
                    f"| 1, nearest | its own label, without a model | {_neighbours(arguments)} |{'  |' * len(metrics)}",
                    flush=True,
                )
            print(f"({shots}, {rule}: {time.perf_counter() - began:.0f} s; temperatures: {fitted})", flush=True)


def _neighbours(arguments: argparse.Namespace) -> str:
    """How often the nearest known text has the right label: what a model can read off the examples that it is shown."""
    known, measured = (_rows(arguments.output / f"{split}.csv") for split in ("train", "dev"))
    embedder = Embedder(arguments.encoder, _WINDOWS["classification"]["max_length"])
    near = embedder([row["text"] for row in measured]) @ embedder([row["text"] for row in known]).T
    pairs = zip(near.argmax(1), measured, strict=True)
    right = 100.0 * np.asarray([known[number]["category"] == row["category"] for number, row in pairs])
    drawn = np.random.default_rng(0).integers(0, len(right), (1000, len(right)))
    low, high = np.percentile(right[drawn].mean(1), (2.5, 97.5))
    return f"{right.mean():.1f} [{low:.1f}, {high:.1f}]"


def _figure(found: dict[str, Any], name: str) -> str:
    low, high = found.get(f"{name}_interval", (np.nan, np.nan))
    return f"{found[name]:.1f} [{low:.1f}, {high:.1f}]"


def _recipe(arguments: argparse.Namespace, data: dict[str, Any], shots: str, rule: str) -> Recipe:
    by, _, count = shots.partition(":")
    chat = {
        "kind": "chat",
        "model": {"kind": "folder", "path": str(arguments.chat.absolute()), "dtype": "bf16"},
        "read": arguments.reading,
        "temperature": "calibrated",
        **({"examples": {"split": "train", "count": int(count), "by": by}} if count else {}),
    }
    encoder = {"kind": "folder", "path": str(arguments.encoder.absolute())}
    training = _TRAINING[arguments.task]
    learnt = {"kind": "encoder", "model": encoder, "fine_tune": training, "temperature": "calibrated"}
    values = {
        "name": "real-chat",
        "output": str(arguments.output),
        "seed": arguments.seed,
        **data,
        "windows": _WINDOWS[arguments.task],
        "teachers": {"encoder": learnt, "chat": chat},
        "ensemble": {"rule": rule, **({"weights": _WEIGHTS[arguments.task]} if rule == "weighted" else {})},
        "signals": {"batch_size": 16, "held_out": "held_out"},  # answers are kept batch by batch
        "evaluation": {"latency_questions": 0, "batch_size": 16},
        "engine": {"workers": 1, "threads": 1},
        "tracking": {"report": False},
        "student": None,
    }
    if by == "nearest":  # by its embeddings; it learns from labels alone, and its row is not looked at
        values |= {"student": {"model": encoder, **training, "epochs": 1}, "losses": {"hard_label": {"weight": 1.0}}}
    path = arguments.output / "recipe.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return load_recipe(path, arguments.overrides)


def _texts(arguments: argparse.Namespace) -> dict[str, Any]:
    """Files of the known texts, of those held out, and of those by which models are measured; sections of a recipe."""
    draw = np.random.default_rng(arguments.seed)
    every = sorted({row["category"] for row in _rows(arguments.test)})
    labels = sorted(draw.choice(every, arguments.labels, replace=False).tolist())
    print(f"labels: {', '.join(labels)}\n")
    drawn = {file: _of_labels(file, labels, draw) for file in (arguments.train, arguments.test)}
    known, held_out = arguments.known, arguments.held_out
    taken = {
        "train": [texts[:known] for texts in drawn[arguments.train]],
        "held_out": [texts[known : known + held_out] for texts in drawn[arguments.train]],
        "dev": [texts[: arguments.measured] for texts in drawn[arguments.test]],
    }
    for split, of_labels in taken.items():
        with (arguments.output / f"{split}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "category"])
            writer.writerows([text, label] for label, texts in zip(labels, of_labels, strict=True) for text in texts)
    words = {label: label.replace("_", " ") for label in labels}
    return {
        "data": _files(arguments.output, "csv", {"label": "category"}),
        "task": {"kind": "classification", "verbaliser": words},
    }


def _of_labels(path: Path, labels: list[str], draw: np.random.Generator) -> list[list[str]]:
    """The texts of each label, in an order that is drawn."""
    found = defaultdict(list)
    for row in _rows(path):
        found[row["category"]].append(row["text"].strip())
    return [draw.permutation(found[label]).tolist() for label in labels]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _articles(arguments: argparse.Namespace) -> dict[str, Any]:
    """The same of articles with questions."""
    every = json.loads(arguments.train.read_text(encoding="utf-8"))["data"]
    order = np.random.default_rng(arguments.seed).permutation(len(every))
    ends = np.cumsum([arguments.known, arguments.held_out, arguments.measured])
    for split, numbers in zip(_SPLITS, np.split(order[: ends[-1]], ends[:-1]), strict=True):
        taken = [every[number] for number in numbers]
        questions = sum(len(paragraph["qas"]) for article in taken for paragraph in article["paragraphs"])
        print(f"{split}: {questions} questions about {len(taken)} articles")
        (arguments.output / f"{split}.json").write_text(json.dumps({"data": taken}), encoding="utf-8")
    return {"data": _files(arguments.output, "json", {}), "task": {"kind": "extractive_qa"}}


def _files(output: Path, suffix: str, fields: dict[str, str]) -> dict[str, Any]:
    paths = {split: str((output / f"{split}.{suffix}").absolute()) for split in _SPLITS}
    return {"source": {"kind": "files", "path": paths, "fields": fields}, "splits": {split: split for split in _SPLITS}}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=("classification", "extractive_qa"), required=True)
    for name in ("chat", "encoder", "train"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--labels", type=int, default=10)
    parser.add_argument("--shots", nargs="+", default=["none", "random:3", "nearest:3"])
    parser.add_argument("--rules", nargs="+", default=["mean", "weighted", "confidence"])
    parser.add_argument("--known", type=int, default=5)
    parser.add_argument("--held-out", type=int, default=4)
    parser.add_argument("--measured", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--reading", default="likelihood", choices=("votes", "likelihood", "first_token"))
    parser.add_argument("overrides", nargs="*")
    arguments = parser.parse_args()
    if (arguments.test is None) == (arguments.task == "classification"):
        parser.error("--test is a file of classification, which needs one")
    return arguments


if __name__ == "__main__":
    main()
