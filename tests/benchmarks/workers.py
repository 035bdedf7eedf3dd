"""Two Ray workers of one thread each against one: examples a second and the difference of their losses.

    .venv/bin/python tests/benchmarks/workers.py [--hidden 256] [--layers 4] [--questions 320]
    .venv/bin/python tests/benchmarks/workers.py --distilbert [--questions 64] [--batch 16]

Both go through Ray, without dropout, over the same batches; the speed is that of all steps after the first quarter.
`--distilbert` has the sizes of Geotrend/distilbert-base-ru-cased, with random weights, the paper's batches of 16, contexts about as long
as SberQuAD's (750 characters), and a vocabulary that cuts them into about as many tokens (one for 3.5 characters).
"""

import argparse
import json
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from distil.framework.data.section import Data
from distil.framework.models.section import TrainedTokenizer
from distil.framework.models.tokenizer_training import train_tokenizer
from distil.framework.progress import SILENT
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import prepare
from distil.framework.training.history import ReportTo
from distil.framework.training.job import TrainingJob, TrainingSummary
from distil.launch.quiet import be_quiet, quiet_transformers
from tests.questions import load
from tests.tiny import tiny_values

NO_DROPOUT = {"dropout": 0.0, "attention_dropout": 0.0, "qa_dropout": 0.0}


def main() -> None:
    """Train with one and with two workers and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--distilbert", action="store_true", help="instead of --hidden and --layers")
    parser.add_argument("--questions", type=int, default=None, help="320, or 64 of DistilBERT's")
    parser.add_argument("--batch", type=int, default=16, help="windows an optimizer step, over all workers")
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    be_quiet()
    quiet_transformers()
    changes = _distilbert(arguments.questions or 64, arguments.batch) if arguments.distilbert else _small(arguments)
    ratios = []
    for _ in range(arguments.rounds):
        rows = {workers: _train(changes, workers) for workers in (1, 2)}
        speeds = {
            workers: median(row["windows_per_second"] for row in found[len(found) // 4 :])
            for workers, found in rows.items()
        }
        apart = max(abs(one["loss"] - two["loss"]) for one, two in zip(rows[1], rows[2], strict=True))
        ratios.append(speeds[2] / speeds[1])
        print(
            f"one worker {speeds[1]:.1f} examples/s, two workers {speeds[2]:.1f} examples/s, ratio {ratios[-1]:.2f}; "
            f"losses differ by {apart:.1e} at most over {len(rows[1])} readings",
            flush=True,
        )


def _small(arguments: argparse.Namespace) -> dict[str, Any]:
    """The recipe with a model of the given size."""
    size = {"dim": arguments.hidden, "n_layers": arguments.layers, "n_heads": 4, "hidden_dim": 4 * arguments.hidden}
    return {
        "data": _paragraphs(arguments.questions or 320, persons=4, facts=6, fillers=1),
        "student__model": {"kind": "config", "architecture": "distilbert", "config": {**size, **NO_DROPOUT}},
        "student__batch_size": arguments.batch,
    }


def _distilbert(questions: int, batch: int) -> dict[str, Any]:
    """The recipe with a model of DistilBERT's size, which is made and saved first: its vocabulary exceeds the texts'."""
    from transformers import DistilBertConfig, DistilBertForMaskedLM

    data = _paragraphs(questions, persons=2, facts=8, fillers=2)
    examples = load(Data.model_validate(data))["train"].examples
    texts = [text for example in examples for text in (example.context, example.question)]
    tokenizer = train_tokenizer(TrainedTokenizer(kind="wordpiece", vocab_size=550), texts)
    folder = tempfile.mkdtemp(prefix="distilbert-")
    DistilBertForMaskedLM(DistilBertConfig(vocab_size=14_000, **NO_DROPOUT)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    characters = sum(len(example.context) for example in examples) / len(examples)
    tokens = sum(len(tokenizer(example.question, example.context)["input_ids"]) for example in examples) / len(examples)
    print(f"contexts of {characters:.0f} characters, questions and contexts of {tokens:.0f} tokens on average")
    return {
        "data": data,
        "student__model": {"kind": "folder", "path": folder},
        "student__tokenizer": {"kind": "pretrained"},
        "student__batch_size": batch,
        "student__lr": 2e-5,
        "student__log_every": 1,
    }


def _paragraphs(questions: int, **sizes: int) -> dict[str, Any]:
    source = {"kind": "synthetic", "examples": {"train": questions, "validation": 24}, **sizes}
    return {"source": source, "splits": {"train": "train", "dev": "validation"}}


def _train(changes: dict[str, Any], workers: int) -> list[dict[str, float]]:
    values = tiny_values(
        Path(tempfile.mkdtemp(prefix="workers-")),
        windows={"max_length": 384, "doc_stride": 128},
        teachers=None,
        baselines=None,
        losses={"hard_label": None},
        student__epochs=1,
        student__checkpoint_every=100_000,
        engine__workers=workers,
        **changes,
    )

    def train(job: TrainingJob, report: ReportTo) -> TrainingSummary:
        from distil.launch.ray_training import train_on_ray

        return train_on_ray(job, report, SILENT)

    context, graph = prepare(recipe_from_values(values, "workers"), train)
    (model,) = graph.models
    for stage in model.making:
        artifact = context.store.produce(stage.key, stage.make)
    rows = [json.loads(line) for line in (artifact.folder / "history.jsonl").read_text().splitlines()]
    return [row["metrics"] for row in rows if row["kind"] == "step"]


if __name__ == "__main__":
    main()
