"""Teachers of unlike tokenizers on a SQuAD file, from scratch: is any question or any mass lost between them?

    .venv/bin/python tests/benchmarks/real_tokenizers.py FILE.json [--epochs 3]

A WordPiece (uncased), a byte-level BPE and a Unigram teacher, tiny, and a cased WordPiece student. Of each teacher, and of
their ensemble, every window of the student is checked: the masses that it reads must add up to 1.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from distil.framework.ensembles.source import EnsembleSource
from distil.framework.models.tokenizers import load_model_tokenizer
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import prepare, run
from distil.framework.segments import totals
from distil.framework.signals.shards import SignalReader
from distil.framework.signals.source import OneTeacher, SignalSource
from distil.framework.tasks.span_qa.read import WindowTokens, moved_shares, read_spans
from distil.framework.tasks.span_qa.windows import cut_windows
from distil.launch.quiet import be_quiet, quiet_transformers
from distil.tracking.report import markdown_table
from tests.benchmarks.real_input import cut_by_paragraph, from_scratch

TOKENIZERS = {
    "wordpiece uncased": {"kind": "wordpiece", "vocab_size": 4000, "lower_case": True},
    "byte-level bpe": {"kind": "bpe", "vocab_size": 6000},
    "unigram": {"kind": "unigram", "vocab_size": 5000},
}


def main() -> None:
    """Run, then count what each teacher's signals lose and move."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--output", type=Path, default=None)
    arguments = parser.parse_args()
    be_quiet()
    quiet_transformers()
    output = arguments.output or Path(tempfile.mkdtemp(prefix="real-"))
    recipe = recipe_from_values(_values(arguments.file, arguments.epochs, output), "real_tokenizers")
    print(markdown_table(run(recipe)))
    context, graph = prepare(recipe)
    examples = context.data["train"].examples
    student = next(model for model in graph.models if model.name == "student")
    tokenizer = load_model_tokenizer(student.weights.folder(context.store) / "model")
    windows = cut_windows(examples, tokenizer, recipe.windows)
    assert student.supervision is not None
    stored = {
        name: SignalReader(parts[0].teacher_pass.folder) for name, parts in student.supervision.collections.items()
    }
    sources: dict[str, SignalSource] = {name: OneTeacher(reader) for name, reader in stored.items()}
    assert recipe.ensemble is not None
    sources["ensemble"] = EnsembleSource(recipe.ensemble, stored, dict.fromkeys(stored, 1.0), {}, recipe.task)
    print(f"{len(examples)} questions, {len(windows)} windows of the student\n")
    lengths = np.asarray([len(examples[number].context) for number in windows.example])
    tokens = WindowTokens.of(windows, np.arange(len(windows)), lengths)
    print(
        "| signals | questions present | largest mass lost, T = 1 | T = 2 | moved mass |\n| --- | ---: | ---: | ---: | ---: |"
    )
    for name, source in sources.items():
        present = len(examples) if name == "ensemble" else sum(example in stored[name] for example in examples)
        lost = {}
        for temperature, (signals, *_) in source.signals(examples, [1.0, 2.0]).items():
            of_windows = signals.take(windows.example)
            read = read_spans(tokens, of_windows)
            lost[temperature] = np.abs(1 - totals(np.exp(read.log_p), read.rows) - np.exp(read.tail)).max()
            if temperature == 1:
                moved = moved_shares(tokens, of_windows)
        print(f"| {name} | {present} | {lost[1.0]:.1e} | {lost[2.0]:.1e} | {np.mean(moved):.3%} |")


def _values(file: Path, epochs: int, output: Path) -> dict[str, Any]:
    fine_tune = {"lr": 5e-4, "epochs": epochs, "batch_size": 16}
    return {
        "name": "real-tokenizers",
        "output": str(output),
        **cut_by_paragraph(file),
        "teachers": {
            name: {"kind": "encoder", "model": from_scratch(64, 2), "tokenizer": tokenizer, "fine_tune": fine_tune}
            for name, tokenizer in TOKENIZERS.items()
        },
        "ensemble": {"rule": "mean"},
        "student": {
            "model": from_scratch(64, 2),
            "tokenizer": {"kind": "wordpiece", "vocab_size": 3000},
            **fine_tune,
        },
        "losses": {"kl": {"weight": 0.5}, "hard_label": {"weight": 0.5}},
        "evaluation": {"latency_questions": 0},
    }


if __name__ == "__main__":
    main()
