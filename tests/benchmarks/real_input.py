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

from distil.framework.models.build import pretrained_model
from distil.framework.models.tokenizers import load_model_tokenizer
from distil.framework.predictors.logits import all_logits
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import prepare, run
from distil.framework.segments import Floats, spread, totals
from distil.framework.signals.algebra import Signals, entropy, temper
from distil.framework.signals.mixing import align
from distil.framework.signals.shards import SignalReader, as_stored, bytes_on_disk, row_key, write_shard
from distil.framework.tasks.base import InferenceConfig
from distil.framework.tasks.span_qa.windows import cut_windows
from distil.launch.quiet import be_quiet, quiet_transformers
from distil.tracking.report import markdown_table


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
    logits = all_logits(
        model, windows, int(tokenizer.pad_token_id), InferenceConfig(recipe.task, recipe.windows, 32, "fp32")
    )
    full = recipe.task.write_signals(split.examples, windows, logits)
    print(
        f"{len(split.examples)} questions, {len(windows)} windows; entropy of the start: {entropy(full)[::2].mean():.2f} nats"
    )
    print(
        "\n| k | bytes a question | KL at T = 1 | KL at T = 2 | mass left out at T = 1 |\n| ---: | ---: | ---: | ---: | ---: |"
    )
    for k in arguments.k:
        folder = output / f"top-{k}"
        folder.mkdir(parents=True, exist_ok=True)
        write_shard(folder, 0, [row_key(example) for example in split.examples], as_stored(full, k))
        stored = SignalReader(folder).signals(split.examples)
        costs = [float(np.mean(_divergence(full, stored, temperature))) for temperature in (1.0, 2.0)]
        left = float(np.exp(stored.tail).mean())
        size = bytes_on_disk(folder) / len(split.examples)
        print(f"| {k} | {size:.1f} | {costs[0]:.5f} | {costs[1]:.5f} | {left:.4f} |")


def _divergence(full: Signals, kept: Signals, temperature: float) -> Floats:
    """KL of each head from the whole signal to what reading the stored one gives: the tail spread over what was left out."""
    found = align([temper(full, temperature), temper(kept, temperature)])
    left = spread(found.tail[1] - np.log(np.maximum(found.tail_size[1], 1)), found.rows)
    whole, stored = found.log_p[0], np.where(found.named[1], found.log_p[1], left)
    parts = np.where(np.isfinite(whole), np.exp(whole) * (whole - stored), 0.0)
    return np.asarray(totals(parts, found.rows), np.float64)


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
