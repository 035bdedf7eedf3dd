"""Models of texts, asked how likely completions are: what they say is read off their logits on the device, batch by batch, as these are
too many to be kept."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from distil.framework.data.batches import BatchLimit, Rows, alike, filled_up, in_batches, padded_lengths
from distil.framework.device import autocast, default_device
from distil.framework.models.attention import unread_masks
from distil.framework.models.bounds import count_parameters
from distil.framework.models.build import pretrained_model
from distil.framework.models.head_rows import logits_at, taken_at
from distil.framework.models.probe import most_tokens
from distil.framework.models.tokenizers import load_model_tokenizer
from distil.framework.progress import SILENT, Progress
from distil.framework.segments import Floats, totals
from distil.framework.signals.algebra import Signals, concat
from distil.framework.signals.steps import ask
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.features import TextRows
from distil.framework.tasks.text.probabilities import FirstBytes, Places, UnitLogits, places_of
from distil.framework.tasks.text.prompts import Wording
from distil.framework.tasks.text.reading import TextReader, text_reader
from distil.framework.tasks.text.requests import written
from distil.framework.tasks.text.settings import TextSettings
from distil.framework.tasks.text.sides import side_lengths
from distil.framework.tasks.text.signal import write_units
from distil.framework.tasks.text.token_bytes import TokenBytes
from distil.framework.tasks.text.writing import TextWriter
from distil.framework.training.items import model_inputs
from distil.framework.transfer import Coming, on_device

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from distil.framework.models.formats import WeightFormat
    from distil.framework.tasks.base import InferenceConfig, Plain

_GPU_LOGITS, _CPU_LOGITS = 1 << 30, 1 << 26  # of a batch
_STEP, _FEWEST = 4, 16  # tokens at which logits are computed: as many rows of a product as do not show on a CPU


@dataclass(frozen=True)
class Said:
    """What a model was asked for. batches: numbers of rows, and what is on its way for each: see `_Batch`."""

    features: TextRows
    batches: Sequence[tuple[Rows, "_Batch"]]

    def bits(self) -> Floats:
        """That the tokens of each completion take, its end included. [E]"""
        found = np.zeros(len(self.features))
        for rows, batch in self.batches:
            edges = np.searchsorted(batch.places.item.numpy(), np.arange(len(rows) + 1))
            found[rows] = totals(
                batch.tokens.numpy()[: edges[-1]].astype(np.float64), edges.astype(np.int64)
            ) / -np.log(2)
        return found

    def tokens(self) -> list[NDArray[np.float32]]:
        """log P of every token of each completion, its end included."""
        found = [np.empty(0, np.float32)] * len(self.features)
        for rows, batch in self.batches:
            of_tokens, item = batch.tokens.numpy(), batch.places.item.numpy()
            for number, row in enumerate(rows):
                found[row] = of_tokens[item == number]
        return found

    def signals(self) -> Signals:
        """About each text."""
        parts = [batch.signals(self.features.table).take(np.arange(len(rows))) for rows, batch in self.batches]
        order = np.concatenate([np.empty(0, np.int64), *(rows for rows, _ in self.batches)])
        return concat(parts).take(np.argsort(order))


@dataclass(frozen=True)
class _Batch:
    """See UnitLogits; places: on the host, of the rows and of what fills up the batch behind them; next_tokens: see likeliest, if they are
    asked for."""

    places: Places
    tokens: Coming
    first_bytes: Coming
    units: Coming
    next_tokens: Coming | None

    def signals(self, table: TokenBytes) -> Signals:
        """About its rows. table: of the vocabulary."""
        named = None if self.next_tokens is None else self.next_tokens.numpy()[: len(self.places.target)]
        return write_units(self.first_bytes.numpy(), self.units.numpy(), self.places, named, table)


@dataclass(frozen=True)
class TextPredictor:
    """See Predictor. On a CPU what it says of a text is the same, bit for bit, whatever else is asked beside it."""

    model: "PreTrainedModel"
    reader: TextReader
    inference: "InferenceConfig"
    settings: TextSettings

    @property
    def tokenizer(self) -> "PreTrainedTokenizerFast":
        """See Compared."""
        return self.reader.prompter.tokenizer

    @property
    def parameters(self) -> int:
        """See Predictor."""
        return count_parameters(self.model)

    def predict(self, examples: Sequence[Written], progress: Progress = SILENT, title: str = "predict") -> "Plain":
        """See Predictor; with what the model writes after each prompt, if that is measured, if one alone is asked, or if a prompt has no
        completion."""
        # One alone may be anything, of several most are to be read.
        features = self.reader.read_split(examples, progress) if len(examples) > 1 else self.reader.read(examples)
        return self._with_texts(examples, self.predict_features(examples, features, progress, title), progress, title)

    def compared(
        self, examples: Sequence[Written], progress: Progress = SILENT, title: str = "predict"
    ) -> "tuple[Plain, Sequence[NDArray[np.float32]]]":
        """See Compared: log-probabilities of the completions' tokens."""
        features = self.reader.read(examples)
        said = self.said(features, progress, title)
        found = self._predictions(examples, features, said)
        return self._with_texts(examples, found, progress, title), said.tokens()

    def form(self, model: "PreTrainedModel", batch_size: int | None) -> Self:
        """See Compared."""
        return replace(self, model=model, inference=replace(self.inference, batch_size=batch_size))

    def _with_texts(self, examples: Sequence[Written], found: "Plain", progress: Progress, title: str) -> "Plain":
        all_of_them = self.settings.measures or len(examples) == 1
        asked = [example for example in examples if all_of_them or not example.completion]
        texts = self.writer.write(asked, progress=progress, title=f"{title}: write") if asked else []
        for example, completions in zip(asked, texts, strict=True):
            found[example.id] |= written(completions[0])
        return found

    def grow(self, example: Written) -> "Iterator[Plain]":
        """See Grows."""
        found = self.predict_features([example], self.reader.read([example]))[example.id]
        for completion in self.writer.grow(example):
            yield {**found, **written(completion)}

    @cached_property
    def writer(self) -> TextWriter:
        """What writes with the model."""
        return TextWriter(self.model, self.reader.prompter, self.reader.table, self.inference, self.settings.generation)

    def predict_features(
        self, examples: Sequence[Written], features: TextRows, progress: Progress = SILENT, title: str = "predict"
    ) -> "Plain":
        """See ReadsFeatures: nothing is written."""
        return self._predictions(examples, features, self.said(features, progress, title))

    def _predictions(self, examples: Sequence[Written], features: TextRows, said: Said) -> "Plain":
        bits, sizes = said.bits(), shown_bytes(examples, features)
        return {
            example.id: {"bits": float(bits[number]), "bytes": int(sizes[number]), "text": None}
            for number, example in enumerate(examples)
        }

    def signals(self, examples: Sequence[Written], proposals: Sequence[Signals] = ()) -> Signals:
        """See Predictor; proposals are of no use to it."""
        return ask(self, examples)

    def prepare(self, examples: Sequence[Written], proposals: Sequence[Signals] = ()) -> TextRows:
        """See Steps: tokens."""
        return self.reader.read(examples)

    def run(self, prepared: TextRows) -> Said:
        """See Steps."""
        return self.said(prepared)

    def signals_of(self, said: Said) -> Signals:
        """See Steps."""
        return said.signals()

    def said(self, features: TextRows, progress: Progress = SILENT, title: str = "infer") -> Said:
        """Ask about every row. Nothing here waits for a GPU."""
        batches = []
        with progress.task(title, len(features), "texts") as work:
            for rows, batch in self._batches(features):
                batches.append((rows, batch))
                work.advance(len(rows))
        return Said(features, batches)

    def _batches(self, features: TextRows) -> Iterator[tuple[Rows, _Batch]]:
        import torch

        device, inference = default_device(), self.inference
        self.model.to(device).eval()
        limit = self._limit(inference.limit(device))
        longest = np.append(features.lengths, inference.windows.max_length)
        wanted = int(padded_lengths(longest, sys.maxsize).max())
        padded = padded_lengths(features.lengths, most_tokens(inference.task, self.model.config, wanted))
        table = on_device(FirstBytes.of(features.table), device)
        with torch.inference_mode(), unread_masks() if limit.gpu else nullcontext():
            read = features.begin.astype(np.int64) if features.apart else features.lengths
            sides = side_lengths(features) if features.apart else padded[:, None]
            keys = np.concatenate([sides, alike(sides[:, 0], read, limit)], 1)
            for rows in in_batches(keys, sides.sum(1), limit):
                asked = rows if inference.one_by_one else filled_up(rows, limit.gpu, *sides[rows[0]].tolist())
                yield rows, self._batch(features, asked, int(sides[rows[0], -1]), table)

    def _batch(self, features: TextRows, rows: Rows, length: int, table: FirstBytes) -> _Batch:
        """What the model says of some rows, padded to `length`."""
        from distil.framework.tasks.text.next_tokens import likeliest

        device = default_device()
        places = places_of(features, rows, length)
        there = on_device(places, device)
        inputs = on_device(model_inputs(features, rows, self.reader.pad_id, length), device)
        tokens = _filled(there.token, len(rows) * length)
        with logits_at(self.model, tokens), autocast(device, self.inference.precision):
            logits = self.model(**inputs).logits
        asked = UnitLogits(taken_at(logits, tokens), table, there)
        count = self.inference.next_tokens
        named = Coming(likeliest(asked.logits, len(table.cell), count)) if count else None
        return _Batch(places, Coming(asked.tokens), Coming(asked.first_bytes), Coming(asked.units), named)

    def _limit(self, limit: BatchLimit) -> BatchLimit:
        """So many tokens that their logits have room, unless a recipe says how many."""
        if self.inference.batch_tokens != "auto":
            return limit
        vocabulary = int(self.model.config.get_text_config().vocab_size)
        return replace(limit, tokens=min(limit.tokens, (_GPU_LOGITS if limit.gpu else _CPU_LOGITS) // vocabulary))


def _filled(tokens: "Tensor", all_of_them: int) -> "Tensor":
    """Tokens with others behind them, so many that no product over them shows how many there were, and never as many as a batch has."""
    from torch.nn.functional import pad

    count = max(_FEWEST, -(-len(tokens) // _STEP) * _STEP)
    return pad(tokens, (0, count + (_STEP if count == all_of_them else 0) - len(tokens)))


def shown_bytes(examples: Sequence[Written], features: TextRows) -> NDArray[np.int64]:
    """Bytes of each completion, as far as its row shows it. [E]"""
    whole = np.asarray([len(example.completion.encode()) for example in examples], np.int64)
    owner = np.repeat(np.arange(len(features)), features.lengths)
    written = np.arange(len(owner)) - features.rows[:-1][owner] >= features.begin[owner]
    sizes = np.where(written, features.table.lengths[features.input_ids], 0)
    cut: NDArray[np.int64] = np.clip(totals(sizes, features.rows) - features.led, 0, whole)
    return cut


def text_predictor(
    folder: Path,
    inference: "InferenceConfig",
    settings: TextSettings,
    label_map: Mapping[str, str | None] | None = None,
    weights: "WeightFormat | None" = None,
    wording: Wording | None = None,
) -> TextPredictor:
    """The model in `folder`. wording: of its prompts, default: the settings'. Raises ModelError."""
    model = pretrained_model(inference.task, folder, weights=weights)
    inference.task.translated([], model.config, label_map)
    reader = text_reader(load_model_tokenizer(folder), wording or settings.wording, inference.windows.max_length)
    return TextPredictor(model, reader, inference, settings)
