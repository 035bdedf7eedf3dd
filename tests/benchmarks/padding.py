"""How much of what a training computes with fills batches up? Tokens computed ÷ real, in one epoch.

    .venv/bin/python tests/benchmarks/padding.py [FILE.json]

The students of the quickstarts, and made-up questions about as long as SberQuAD's; FILE.json, in SQuAD's form, is real text. Nothing is
trained: batches are drawn as a training draws them, windows of like lengths together, and counted as a CPU gets them (as long as their
longest window) and as a GPU does (rounded up to multiples of 32, or of 8), there with `packing`, too, of which a CPU computes real tokens alone. Beside
them are batches drawn at random, and windows all as long as the longest.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from distil.framework.data.batches import epoch_batches
from distil.framework.data.features import Features, WindowSettings
from distil.framework.data.section import Data
from distil.framework.data.window_cache import split_features
from distil.framework.models.packing import PLACES, with_places
from distil.framework.models.section import TrainedTokenizer
from distil.framework.models.tokenizer_training import train_tokenizer
from distil.framework.models.tokenizers import load_tokenizer
from distil.framework.recipe.load import load_recipe
from distil.framework.run import prepare, produce
from distil.framework.tables import markdown_rows
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.training.items import batch_length, model_inputs
from distil.launch.quiet import be_quiet, quiet_transformers
from tests.benchmarks.signals import made_up
from tests.questions import load

_RECIPES = ("quickstart", "quickstart_classification", "quickstart_tagging", "quickstart_text")
_QUESTIONS = 8192


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?")
    arguments = parser.parse_args()
    be_quiet()
    quiet_transformers()
    rows = []
    for name, features, sizes in trainings(arguments.file):
        for size in sizes:
            ratios = [f"{one:.3f}" for one in _ratios(features, size)]
            rows.append([name, f"{features.lengths.mean():.0f}", str(size), *ratios])
    names = ["", "tokens", "batch", "CPU", "GPU", "packed, GPU", "at random, CPU", "GPU", "to the longest"]
    print(markdown_rows(names, rows, left=1))


def trainings(file: Path | None) -> Iterator[tuple[str, Features, Sequence[int]]]:
    """Name, windows, and batch sizes; file: real text beside what is made up."""
    for name in _RECIPES:
        recipe = load_recipe(Path(f"recipes/{name}.yaml"), [f"output={tempfile.mkdtemp(prefix='padding-')}"])
        assert recipe.student is not None
        context, graph = prepare(recipe)
        stage = next(model.tokenizer for model in graph.models if model.role == "student")
        assert stage is not None
        tokenizer = load_tokenizer(produce(context, stage).folder / "tokenizer")
        features = split_features(context.task, context.data[recipe.student.split], tokenizer, recipe.windows)
        yield name, features, [recipe.student.batch_size]
    yield "made-up questions", _windows(made_up(_QUESTIONS)), (16, 64)
    if file is not None:
        source = {"kind": "files", "path": {"train": str(file)}}
        section = Data.model_validate({"source": source, "splits": {"train": "train"}})
        yield file.stem, _windows(load(section)["train"].examples), (16, 64)


def _windows(examples: Sequence[Any]) -> Features:
    texts = [text for example in examples[:2000] for text in example.texts]
    tokenizer = train_tokenizer(TrainedTokenizer(kind="wordpiece", vocab_size=8000), texts)
    return ExtractiveQA().features(examples, tokenizer, WindowSettings())


def _ratios(features: Features, size: int) -> Iterator[float]:
    lengths = features.lengths
    drawn = np.random.default_rng(0).permutation(len(lengths))
    ours = epoch_batches(lengths, size, 0, 0)
    for batches in (ours, np.split(drawn, range(size, len(drawn), size))):
        for device in ("cpu", "cuda"):
            with mock.patch("distil.framework.training.items.device_kind", return_value=device):
                yield sum(len(rows) * batch_length(features, rows) for rows in batches) / lengths.sum()
        if batches is ours:
            yield sum(_packed(features, rows) for rows in ours) / lengths.sum()
    yield lengths.max() / lengths.mean()


def _packed(features: Features, rows: NDArray[np.int64]) -> int:
    """Tokens that go through packed layers on a GPU."""
    with (
        mock.patch("distil.framework.training.items.device_kind", return_value="cuda"),
        mock.patch("distil.framework.models.packing.device_kind", return_value="cuda"),
    ):
        inputs = model_inputs(features, rows, 0, batch_length(features, rows))
        return len(with_places(inputs)[PLACES])


if __name__ == "__main__":
    main()
