"""Asking a generator about many prompts, in batches."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from distil.framework.data.batches import BatchLimit, Rows, alike, filled_up, in_batches, padded_lengths, rounded_up
from distil.framework.generative.causal import CausalWriter, pads_left, remembers
from distil.framework.generative.seq2seq import Seq2SeqWriter
from distil.framework.generative.seq2seq import remembers as remembers_crossing
from distil.framework.generative.writer import Beams, Ids, Known, Writer, write
from distil.framework.models.kind import Generator
from distil.framework.models.tokenizers import SpecialTokens
from distil.framework.progress import Task
from distil.framework.segments import Floats

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_ANSWER_STEP = 4  # answers are padded to a multiple of so many tokens


Candidates = Callable[[int, list[Ids]], Sequence[Ids]]


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

    def batches(self, beams: int = 1, rows: Rows | None = None, room: int = 0) -> list[tuple[Rows, int]]:
        """Numbers of prompts, of all or of `rows`, that are padded to the same length, and that length. beams: how often each is
        read at once; room: tokens that are to follow each, which count as its own do."""
        rows = np.arange(len(self.prompts)) if rows is None else rows
        lengths = np.asarray([len(self.prompts[row]) for row in rows], np.int64)
        padded = padded_lengths(lengths, self.longest_prompt) if self.writer.pads else lengths
        together = alike(padded, lengths, self.limit)
        return [
            (rows[part], int(padded[part[0]])) for part in in_batches(together, beams * (padded + room), self.limit)
        ]

    def passes(self, beams: int, owners: Rows) -> int:
        """How many batches `asked` goes through."""
        return len(self.batches(beams)) + len(self.batches(rows=_several(owners)))

    def asked(self, beams: Beams, owners: Rows, candidates: Candidates, bar: Task) -> list[Floats]:
        """log P(answer | prompt) of the candidates for each prompt. `bar` counts batches.

        owners: [N], whose each prompt is, in order; candidates: given an owner and the best answers to all of its prompts, those that
        are to be scored on each of them. A prompt that is its owner's only one is read once for both.
        """
        written: list[list[Ids]] = [[] for _ in self.prompts]
        found: list[Floats] = [np.empty(0, np.float64)] * len(self.prompts)
        several = _several(owners)
        alone = np.ones(len(self.prompts), bool)
        alone[several] = False
        for rows, length in self.batches(beams.count):
            known = self.read(rows, length, beams.count)
            for row, answers in zip(rows, write(self.writer, known, beams), strict=False):
                written[row] = answers
            own = [candidates(int(owners[row]), written[row]) if alone[row] else () for row in rows]
            for row, scores in zip(rows, self.scores(known, length, own), strict=True):
                found[row] = scores
            bar.advance()
        of_owners = {
            int(owner): candidates(
                int(owner), [ids for row in several[owners[several] == owner] for ids in written[row]]
            )
            for owner in np.unique(owners[several])
        }
        scored = self._scored(several, [of_owners[int(owner)] for owner in owners[several]], bar)
        for row, scores in zip(several, scored, strict=True):
            found[row] = scores
        return found

    def log_probs(self, answers: Sequence[Sequence[Ids]], bar: Task) -> list[Floats]:
        """log P(answer | prompt) of the answers given to each prompt. `bar` counts batches."""
        return self._scored(np.arange(len(self.prompts)), answers, bar)

    def _scored(self, rows: Rows, answers: Sequence[Sequence[Ids]], bar: Task) -> list[Floats]:
        """Of the prompts `rows`, and of the answers to each of these."""
        places = {int(row): place for place, row in enumerate(rows)}
        found: list[Floats] = [np.empty(0, np.float64)] * len(rows)
        for part, length in self.batches(rows=rows):
            own = [places[int(row)] for row in part]
            scores = self.scores(self.read(part, length), length, [answers[place] for place in own])
            for place, of_prompt in zip(own, scores, strict=True):
                found[place] = of_prompt
            bar.advance()
        return found

    def read(self, rows: Rows, length: int, *product_rows: int) -> Known:
        """What the writer has to know of some prompts, and of some of them again. product_rows: see filled_up."""
        return self.writer.read([self.prompts[row] for row in self._filled(rows, length, *product_rows)], length)

    def scores(self, known: Known, length: int, answers: Sequence[Sequence[Ids]]) -> list[Floats]:
        """Of the answers to each prompt that is known."""
        found = [np.empty(len(of_prompt), np.float64) for of_prompt in answers]
        pairs = [(place, number) for place, of_prompt in enumerate(answers) for number in range(len(of_prompt))]
        ids = [answers[place][number] for place, number in pairs]
        for part, padded in self._pair_batches(ids, length):
            asked = self._filled(part, padded)
            places = np.asarray([pairs[pair][0] for pair in asked])
            scores = self.writer.log_probs(known, places, [ids[pair] for pair in asked], padded)
            for pair, score in zip(part, scores, strict=False):
                place, number = pairs[pair]
                found[place][number] = score
        return found

    def _filled(self, rows: Rows, *product_rows: int) -> Rows:
        return filled_up(rows, self.limit.gpu, *product_rows) if self.filled or not self.limit.gpu else rows

    def _pair_batches(self, answers: Sequence[Ids], prompt: int) -> Iterator[tuple[Rows, int]]:
        lengths = np.asarray([len(answer) for answer in answers], np.int64)
        padded = rounded_up(lengths, _ANSWER_STEP, self.longest_answer)
        for rows in in_batches(padded[:, None], prompt + padded, self.limit):
            yield rows, int(padded[rows[0]])


def _several(owners: Rows) -> Rows:
    """Which prompts are not the only one of their owner."""
    _, numbers, counts = np.unique(owners, return_inverse=True, return_counts=True)
    return np.flatnonzero(counts[numbers] > 1)


def writer_for(generator: Generator, model: "PreTrainedModel", special: SpecialTokens) -> Writer:
    """The writer of a model that is on its device. What the model's own files say of how to generate no longer counts."""
    from transformers import GenerationConfig

    # Whatever a search is not told it takes from there: shortest answers, forced ends, penalties for what is repeated.
    model.generation_config = GenerationConfig()
    if generator.encoder_decoder:
        return Seq2SeqWriter(model, special, remembers_crossing(model, special))
    return CausalWriter(model, special, pads_left(model), remembers(model))
