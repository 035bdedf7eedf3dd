"""Does a small chat model pay as a teacher beside a sentence encoder, where few texts have labels? With real weights.

    .venv/bin/python tests/benchmarks/real_chat.py --chat FOLDER --encoder FOLDER --train FILE --test FILE
        [--labels 10] [--shots 0 3] [--known 5] [--measured 20] [--seed 0] [--output FOLDER] [--reading likelihood]

FILEs are CSV files of texts with their labels, `text` and `category`. Of these some labels are drawn, of each label `--known` texts to
learn from and `--measured` ones to measure by. The chat model is asked as it is, without examples or with the `--shots` nearest by the encoder's own
embeddings; the encoder is fine-tuned on the known texts. Both become one by `mean` and by `confidence`. Answers are kept in
--output: who runs this again, with another reading too, asks nothing twice.
"""

import argparse
import csv
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import run
from distil.launch.quiet import be_quiet, quiet_transformers

_TOKENS = 64


def main() -> None:
    """Run all and print a row for each model."""
    arguments = _arguments()
    be_quiet()
    quiet_transformers()
    output = arguments.output or Path(tempfile.mkdtemp(prefix="real-chat-"))
    labels = _labels(arguments)
    print(
        f"labels: {', '.join(labels)}\n\n| teachers | model | accuracy [95 % interval] | seconds a text |\n| --- | --- | --- | --- |"
    )
    for shots in arguments.shots:
        for rule in ("mean", "confidence"):
            results: Any = run(recipe_from_values(_values(arguments, output, labels, shots, rule), "here"))
            for model in (one for one in results["models"] if one["role"] != "student"):
                found = model["evaluation"]
                low, high = found["accuracy_interval"]
                seconds = model.get("usage", {}).get("seconds")
                name = f"{model['name']} by {rule}" if model["name"] == "ensemble" else model["name"]
                took = "" if seconds is None else f"{seconds:.1f}"
                print(
                    f"| {shots} examples | {name} | {found['accuracy']:.1f} [{low:.1f}, {high:.1f}] | {took} |",
                    flush=True,
                )


def _values(arguments: argparse.Namespace, output: Path, labels: list[str], shots: int, rule: str) -> dict[str, Any]:
    chat: dict[str, Any] = {
        "kind": "chat",
        "model": {"kind": "folder", "path": str(arguments.chat)},
        "read": arguments.reading,
    }
    if shots:
        chat["examples"] = {"split": "train", "count": shots, "by": "nearest"}
    encoder = {"kind": "folder", "path": str(arguments.encoder)}
    training = {"lr": 1e-4, "epochs": 8, "batch_size": 16}
    return {
        "name": "real-chat",
        "output": str(output),
        "seed": arguments.seed,
        "data": {
            "source": {"kind": "files", "path": _files(arguments, output, labels), "fields": {"label": "category"}},
            "splits": {"train": "train", "dev": "dev"},
        },
        "task": {"kind": "classification", "verbaliser": {label: label.replace("_", " ") for label in labels}},
        "windows": {"max_length": _TOKENS},
        "teachers": {"encoder": {"kind": "encoder", "model": encoder, "fine_tune": training}, "chat": chat},
        "ensemble": {"rule": rule},
        # By whose embeddings texts are near; it learns from labels alone, and its row is not looked at.
        "student": {"model": encoder, **training, "epochs": 1} if shots else None,
        "losses": {"hard_label": {"weight": 1.0}},
        "evaluation": {"latency_questions": 0, "batch_size": 4},  # answers are kept batch by batch
        "signals": {"batch_size": 4},
        "engine": {"workers": 1, "threads": 1},
        "tracking": {"report": False},
    }


def _labels(arguments: argparse.Namespace) -> list[str]:
    every = sorted({row["category"] for row in _rows(arguments.test)})
    return sorted(np.random.default_rng(arguments.seed).choice(every, arguments.labels, replace=False).tolist())


def _files(arguments: argparse.Namespace, output: Path, labels: list[str]) -> dict[str, str]:
    """A file of the known texts, and one of those by which models are measured."""
    output.mkdir(parents=True, exist_ok=True)
    found = {}
    draw = np.random.default_rng(arguments.seed)
    for name, source, count in (
        ("train", arguments.train, arguments.known),
        ("dev", arguments.test, arguments.measured),
    ):
        of_label = defaultdict(list)
        for row in _rows(source):
            of_label[row["category"]].append(row["text"].strip())
        path = output / f"{name}.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "category"])
            for label in labels:
                writer.writerows([text, label] for text in draw.permutation(of_label[label])[:count])
        found[name] = str(path)
    return found


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("chat", "encoder", "train", "test"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--labels", type=int, default=10)
    parser.add_argument("--shots", type=int, nargs="+", default=[0, 3])
    parser.add_argument("--known", type=int, default=5)
    parser.add_argument("--measured", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--reading", default="likelihood", choices=("votes", "likelihood", "first_token"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
