"""A whole run on a SQuAD file, from scratch, and what storing signals costs there.

    .venv/bin/python tests/benchmarks/real_input.py FILE.json [--epochs 10] [--k 16]

Teacher and student are tiny, with WordPiece vocabularies of unlike sizes, so that EM is low; what counts is that every
stage holds and no question is lost. Then the teacher's signals are compared, at temperatures 1 and 2, with the same
signals cut to the k heaviest positions and stored in half precision: KL(full ‖ stored), in nats, mean over questions
and over start and end.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from framework.data.windows import cut_windows
from framework.inference import all_logits
from framework.models.build import pretrained_model
from framework.models.tokenizers import load_model_tokenizer
from framework.recipe_file import recipe_from_values
from framework.run import prepare, run
from framework.signals.shards import SignalReader, bytes_on_disk, write_shard
from framework.signals.span import Side, probabilities, temper_side
from launch.quiet import be_quiet, quiet_transformers
from tracking.report import markdown_table


def main() -> None:
    """Run, print the table, then the costs of storage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--k", type=int, nargs="*", default=[4, 8, 16, 32])
    parser.add_argument("--output", type=Path, default=None)
    arguments = parser.parse_args()
    be_quiet()
    quiet_transformers()
    output = arguments.output or Path(tempfile.mkdtemp(prefix="real-"))
    recipe = recipe_from_values(_values(arguments.file, arguments.epochs, output), "real_input")
    results = run(recipe)
    print(markdown_table(results))
    context, graph = prepare(recipe)
    teacher = graph.models[0].weights.folder(context.store) / "model"
    split = context.data["train"]
    tokenizer = load_model_tokenizer(teacher)
    windows = cut_windows(split.examples, tokenizer, recipe.windows)
    model = pretrained_model(recipe.task, teacher, 0)
    logits = all_logits(recipe.task, model, windows, int(tokenizer.pad_token_id), 32, "fp32")
    full = recipe.task.write_signals(split.examples, windows, logits)
    print(f"{len(split.examples)} questions, {len(windows)} windows; entropy of the start: {_entropy(full):.2f} nats")
    print(
        "\n| k | bytes a question | KL at T = 1 | KL at T = 2 | mass left out at T = 1 |\n| ---: | ---: | ---: | ---: | ---: |"
    )
    for k in arguments.k:
        folder = output / f"top-{k}"
        folder.mkdir(parents=True, exist_ok=True)
        write_shard(folder, 0, split.examples, full, k)
        reader = SignalReader(folder)
        stored = [reader.signal(example) for example in split.examples]
        pairs = [pair for a, b in zip(full, stored, strict=True) for pair in ((a.start, b.start), (a.end, b.end))]
        costs = [
            np.mean([_divergence(whole, kept, temperature) for whole, kept in pairs]) for temperature in (1.0, 2.0)
        ]
        left = np.mean([np.exp(kept.tail) for _, kept in pairs])
        size = bytes_on_disk(folder) / len(split.examples)
        print(f"| {k} | {size:.1f} | {costs[0]:.5f} | {costs[1]:.5f} | {left:.4f} |")


def _divergence(whole: Side, kept: Side, temperature: float) -> float:
    """KL from the whole signal to what reading the stored one gives: the tail spread over the entries left out."""
    masses, null, _ = probabilities(temper_side(whole, temperature))
    kept_masses, kept_null, tail = probabilities(temper_side(kept, temperature))
    order = np.argsort(-whole.log_mass, kind="stable")
    rest = np.full(len(masses), tail / max(1, kept.tail_size))
    rest[order[: len(kept_masses)]] = kept_masses
    p, q = np.append(masses, null), np.append(rest, kept_null)
    real = p > 0
    return float((p[real] * np.log(p[real] / q[real])).sum())


def _entropy(signals: list[Any]) -> float:
    return float(np.mean([-(np.exp(s.start.log_mass) * s.start.log_mass).sum() for s in signals]))


def from_scratch(width: int, layers: int) -> dict[str, Any]:
    """The section of a BERT with random weights."""
    config = {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "intermediate_size": 4 * width,
    }
    return {"kind": "config", "architecture": "bert", "config": config}


def teacher_from_scratch(epochs: int) -> dict[str, Any]:
    """The section of a teacher of 1.7M parameters, which a thousand questions can teach."""
    return {
        "kind": "encoder",
        "model": from_scratch(128, 3),
        "tokenizer": {"kind": "wordpiece", "vocab_size": 8000},
        "fine_tune": {"lr": 5e-4, "epochs": epochs, "batch_size": 16},
    }


def cut_by_paragraph(file: Path) -> dict[str, Any]:
    """The recipe's sections that read a SQuAD file: four fifths of its paragraphs train, one measures."""
    return {
        "data": {
            "source": {"kind": "files", "path": str(file)},
            "cut": {"split": "train", "shares": {"train": 0.8, "dev": 0.2}},
        },
        "windows": {"max_length": 384, "doc_stride": 128},
    }


def _values(file: Path, epochs: int, output: Path) -> dict[str, Any]:
    return {
        "name": "real-input",
        "output": str(output),
        **cut_by_paragraph(file),
        "teachers": {"teacher": teacher_from_scratch(epochs)},
        "student": {
            "model": from_scratch(64, 2),
            "tokenizer": {"kind": "wordpiece", "vocab_size": 3000, "lower_case": True},
            "lr": 1e-3,
            "epochs": epochs,
            "batch_size": 16,
        },
        "losses": {"kl": {"weight": 0.5}, "hard_label": {"weight": 0.5}},
        "baselines": ["no_distillation"],
    }


if __name__ == "__main__":
    main()
