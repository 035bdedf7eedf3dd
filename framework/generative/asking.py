"""Asking a generator about many prompts, in batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from framework.data.batches import BatchLimit, Rows, alike, filled_up, in_batches, padded_lengths, rounded_up
from framework.generative.causal import CausalWriter, pads_left, remembers
from framework.generative.seq2seq import Seq2SeqWriter
from framework.generative.writer import Beams, Ids, Writer, write
from framework.models.kind import Generator
from framework.models.tokenizers import SpecialTokens
from framework.progress import Task
from framework.segments import Floats

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_ANSWER_STEP = 4  # answers are padded to a multiple of so many tokens


@dataclass(frozen=True)
class Asking:
    """N prompts that are to be asked about. What comes out about one depends on no other and, on a CPU, not on `limit`.

    longest_prompt, longest_answer: tokens, end included, to which padding is limited, as a model's positions are; limit:
    of prompts, or of pairs of a prompt and an answer, in a forward pass; filled: whether batches are filled up on a GPU.
    """

    writer: Writer
    prompts: Sequence[Ids]
    longest_prompt: int
    longest_answer: int
    limit: BatchLimit
    filled: bool = True

    def batches(self, beams: int = 1) -> list[tuple[Rows, int]]:
        """Numbers of prompts that are padded to the same length, and that length. beams: how often each is read at once."""
        lengths = np.asarray([len(prompt) for prompt in self.prompts], np.int64)
        padded = padded_lengths(lengths, self.longest_prompt) if self.writer.pads else lengths
        together = alike(padded, lengths, self.limit)
        return [(rows, int(padded[rows[0]])) for rows in in_batches(together, beams * padded, self.limit)]

    def written(self, beams: Beams, bar: Task) -> list[list[Ids]]:
        """The best answers to each prompt, best first. `bar` counts batches."""
        found: list[list[Ids]] = [[] for _ in self.prompts]
        for rows, length in self.batches(beams.count):
            asked = self._filled(rows, beams.count)
            answers = write(self.writer, [self.prompts[row] for row in asked], length, beams)
            for row, of_prompt in zip(rows, answers, strict=False):
                found[row] = of_prompt
            bar.advance()
        return found

    def log_probs(self, answers: Sequence[Sequence[Ids]], bar: Task) -> list[Floats]:
        """log P(answer | prompt) of the answers given to each prompt. `bar` counts batches."""
        found = [np.empty(len(of_prompt), np.float64) for of_prompt in answers]
        for rows, length in self.batches():
            read = self._filled(rows, length)
            known = self.writer.read([self.prompts[row] for row in read], length)
            pairs = [(place, number) for place, row in enumerate(rows) for number in range(len(answers[row]))]
            ids = [answers[rows[place]][number] for place, number in pairs]
            for part, padded in self._pair_batches(ids, length):
                asked = self._filled(part, padded)
                places = np.asarray([pairs[pair][0] for pair in asked])
                scores = self.writer.log_probs(known, places, [ids[pair] for pair in asked], padded)
                for pair, score in zip(part, scores, strict=False):
                    place, number = pairs[pair]
                    found[rows[place]][number] = score
            bar.advance()
        return found

    def _filled(self, rows: Rows, product_rows: int) -> Rows:
        return filled_up(rows, product_rows, self.limit.gpu) if self.filled or not self.limit.gpu else rows

    def _pair_batches(self, answers: Sequence[Ids], prompt: int) -> Iterator[tuple[Rows, int]]:
        lengths = np.asarray([len(answer) for answer in answers], np.int64)
        padded = rounded_up(lengths, _ANSWER_STEP, self.longest_answer)
        for rows in in_batches(padded[:, None], prompt + padded, self.limit):
            yield rows, int(padded[rows[0]])


def writer_for(generator: Generator, model: "PreTrainedModel", special: SpecialTokens) -> Writer:
    """The writer of a model that is on its device. What the model's own files say of how to generate no longer counts."""
    from transformers import GenerationConfig

    # Whatever a search is not told it takes from there: shortest answers, forced ends, penalties for what is repeated.
    model.generation_config = GenerationConfig()
    if generator.encoder_decoder:
        return Seq2SeqWriter(model, special)
    return CausalWriter(model, special, pads_left(model), remembers(model))
