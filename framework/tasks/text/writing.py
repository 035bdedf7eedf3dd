"""What a model writes after prompts, many at once or one as it comes."""

from codecs import getincrementaldecoder
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from distil.framework.chat.template import answer_ends
from distil.framework.data.features import WindowSettings
from distil.framework.device import autocast, default_device
from distil.framework.digest import digest_of
from distil.framework.generative.asking import Asking
from distil.framework.generative.causal import CausalWriter, pads_left, remembers
from distil.framework.generative.sampling import GREEDY, Drawing, Likely, Sampling, tokens_drawn
from distil.framework.generative.seq2seq import Seq2SeqWriter
from distil.framework.generative.seq2seq import remembers as remembers_crossing
from distil.framework.generative.writer import Ids
from distil.framework.models.probe import most_completed
from distil.framework.models.tokenizers import special_tokens
from distil.framework.progress import SILENT, Progress
from distil.framework.tasks.base import InferenceConfig
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.features import text_tokens
from distil.framework.tasks.text.prompts import Prompter
from distil.framework.tasks.text.settings import TextGeneration
from distil.framework.tasks.text.token_bytes import TokenBytes

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Completion:
    """What follows a prompt. log_p: natural logarithm of its probability, that of its end included, where it `ended`, and was not cut
    off; tokens: that it took."""

    text: str = ""
    log_p: float = 0.0
    tokens: int = 0
    ended: bool = False


@dataclass(frozen=True)
class TextWriter:
    """A model that writes. prompter: see there; table: the bytes of its tokens; inference: how much goes through it at once, and in
    which numbers."""

    model: "PreTrainedModel"
    prompter: Prompter
    table: TokenBytes
    inference: InferenceConfig
    generation: TextGeneration

    def write(
        self,
        examples: Sequence[Written],
        sampling: Sampling = GREEDY,
        progress: Progress = SILENT,
        title: str = "write",
    ) -> list[list[Completion]]:
        """Completions of each example's prompt: by default one, of the likeliest tokens. On a CPU they depend on no other prompt; with several
        threads, on other processors than Intel's, their log_p may by rounding."""
        asking = self._asking(examples)
        found: list[list[Completion]] = [[] for _ in examples]
        with progress.task(title, len(examples)) as bar:
            for rows, length in asking.batches(sampling.count, room=self._most):
                texts = [_Growing(self) for _ in range(len(rows) * sampling.count)]
                for places in self._tokens(asking, rows, length, sampling):
                    for text, place in zip(texts, places, strict=False):
                        text.add(place)
                for number, row in enumerate(rows):
                    own = texts[number * sampling.count : (number + 1) * sampling.count]
                    found[row] = [text.completion for text in own]
                bar.advance(len(rows))
        return found

    def grow(self, example: Written) -> Iterator[Completion]:
        """The completion of one prompt, token by token: what is there so far. The last one is what `write` gives."""
        asking = self._asking([example])
        ((rows, length),) = asking.batches()
        text = _Growing(self)
        for places in self._tokens(asking, rows, length, GREEDY):
            text.add(places[0])
            yield text.completion

    def _tokens(
        self, asking: Asking, rows: NDArray[np.int64], length: int, sampling: Sampling
    ) -> Iterator[list[Likely | None]]:
        """Token by token what follows each prompt, of some more that fill the batch up, too."""
        with self._running():
            known = asking.read(rows, length, sampling.count)
        numbers = np.concatenate([self._numbers(asking.prompts[row], sampling) for row in rows])
        filled = np.resize(np.arange(len(numbers)), len(known.ids) * sampling.count)
        drawing = Drawing(sampling.temperature, self.ends, 0)
        steps = tokens_drawn(self._writer, known, numbers[filled], drawing)
        while True:
            with self._running():  # for each token anew: whoever is given one is not within it
                places = next(steps, None)
            if places is None:
                return
            yield places

    def _numbers(self, prompt: Ids, sampling: Sampling) -> NDArray[np.float64]:
        """By which tokens are drawn. [samples, tokens]"""
        if sampling.temperature == 0:
            return np.zeros((sampling.count, self._most))
        digest = digest_of(prompt.tolist())
        draws = (np.random.default_rng([sampling.seed, number, int(digest, 16)]) for number in range(sampling.count))
        return np.stack([random.random(self._most) for random in draws])

    def _asking(self, examples: Sequence[Written]) -> Asking:
        from torch import nn

        longest = longest_prompt(self.inference.windows, self._most)
        given = [self.prompter.cut(ids, longest) for ids, _ in self.prompter.given(examples)]
        ids = [np.asarray(one, np.int32) for one in given]
        limit, filled = self.inference.limit(default_device()), not self.inference.one_by_one
        if not isinstance(self.model, nn.Module):  # nobody knows by what ONNX Runtime rounds
            limit, filled = replace(limit, gpu=True), False
        return Asking(self._writer, ids, longest, self._most, limit, filled)

    @contextmanager
    def _running(self) -> Iterator[None]:
        import torch

        with torch.inference_mode(), autocast(default_device(), self.inference.precision):
            yield

    @cached_property
    def _most(self) -> int:
        """Tokens of a completion."""
        windows = self.inference.windows
        most = min(
            self.generation.max_new_tokens, windows.max_length - longest_prompt(windows, self.generation.max_new_tokens)
        )
        return most_completed(self.prompter.tokenizer, most)

    @cached_property
    def ends(self) -> frozenset[int]:
        """Tokens that end a completion."""
        return answer_ends(self.model, self.prompter.tokenizer)

    @cached_property
    def leads(self) -> bool:
        """Whether its tokenizer puts a space before every text, which is no part of it."""
        ids = np.asarray(text_tokens(self.prompter.tokenizer, ["a"])[0])
        return self.table.text_of(ids) == b" a"

    @cached_property
    def _writer(self) -> CausalWriter | Seq2SeqWriter:
        """The model, on its device."""
        model = self.model.to(default_device()).eval()
        special = special_tokens(self.prompter.tokenizer, model.config)
        if self.prompter.apart:
            return Seq2SeqWriter(model, special, remembers_crossing(model, special))
        return CausalWriter(model, special, pads_left(model), remembers(model))


class _Growing:
    """A completion to which tokens are added. What is no whole character yet is no part of it."""

    def __init__(self, writer: TextWriter) -> None:
        self._writer = writer
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self.completion = Completion()

    def add(self, place: Likely | None) -> None:
        """A token, or nothing where it has ended."""
        if place is None:
            return
        before, ended = self.completion, place.id in self._writer.ends
        table = self._writer.table
        unnamed = place.id >= len(table.lengths)  # a model may have more rows than tokens
        content = b"" if ended or unnamed else table.text_of(np.asarray([place.id]))
        if self._writer.leads and before.tokens == 0:
            content = content.removeprefix(b" ")
        text = before.text + self._decoder.decode(content, final=ended)
        self.completion = Completion(text, before.log_p + place.log_p, before.tokens + 1, ended)


def longest_prompt(windows: WindowSettings, most_new: int) -> int:
    """Tokens of the longest prompt that is read whole: all but a completion's `most_new`, or half of them."""
    return max(windows.max_length - most_new, windows.max_length // 2, 1)
