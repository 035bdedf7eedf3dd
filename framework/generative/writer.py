"""A model that writes answers to prompts, and says how likely others are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from distil.framework.data.batches import Rows
from distil.framework.models.tokenizers import SpecialTokens
from distil.framework.segments import Floats

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Ids = NDArray[np.int32]  # numbers of tokens
Known = Any  # a writer's own: what it has to know of prompts, which it gets by reading them


@dataclass(frozen=True)
class Beams:
    """Beam search. count: beams, and answers returned; max_answer: tokens of an answer, its end aside;
    length_normalisation: α of log P / length^α, by which beams are ranked."""

    count: int
    max_answer: int
    length_normalisation: float

    def settings(self, special: SpecialTokens, cached: bool = True) -> Any:
        """As transformers wants them. cached: whether the model remembers what it has read."""
        from transformers import GenerationConfig

        # Without several beams there is nothing to rank, and transformers warns about a penalty.
        ranking = {"length_penalty": self.length_normalisation} if self.count > 1 else {}
        return GenerationConfig(
            do_sample=False,
            num_beams=self.count,
            num_return_sequences=self.count,
            max_new_tokens=self.max_answer + 1,
            eos_token_id=special.end,
            pad_token_id=special.pad,
            decoder_start_token_id=special.start[0],
            use_cache=cached,
            return_dict_in_generate=True,
            output_scores=self.count > 1,
            **ranking,
        )


class Writer(Protocol):
    """A generator. It is asked about B prompts at a time, which are padded to `length` tokens."""

    @property
    def pads(self) -> bool:
        """Whether prompts may be padded at all; otherwise all of a batch have `length` tokens."""

    @property
    def special(self) -> SpecialTokens:
        """Those with which its texts begin and end."""

    def read(self, prompts: Sequence[Ids], length: int) -> Known:
        """What `search` and `log_probs` have to know of the prompts, whatever is asked about them."""

    def search(self, known: Known, beams: Beams) -> "tuple[Tensor, Tensor | None]":
        """The best answers to all prompts that were read, [prompts x beams, L], and of several beams what they are ranked by."""

    def log_probs(self, known: Known, rows: Rows, answers: Sequence[Ids], length: int) -> Floats:
        """log P(answer | prompt) of pairs, natural logarithms. [pairs]

        rows: the prompt of each pair, its number among those that were read; answers, padded to `length` tokens, too.
        """


def write(writer: Writer, known: Known, beams: Beams) -> list[list[Ids]]:
    """The best answers to each prompt that was read, without the end-of-text token that ends them, best first."""
    sequences, _ = writer.search(known, beams)
    answers = [_without_end(ids, writer.special.end) for ids in sequences.cpu().numpy().astype(np.int32)]
    return [answers[at : at + beams.count] for at in range(0, len(answers), beams.count)]


def _without_end(ids: Ids, end: int) -> Ids:
    ends = np.flatnonzero(ids == end)
    return ids[: ends[0]] if len(ends) else ids


def summed(logits: "Tensor", answers: Sequence[Ids]) -> Floats:
    """Log-probabilities of whole answers by the logits [B, L, V] at their places, of which padding takes the last ones."""
    import torch

    targets = padded(answers, 0, logits.shape[1]).to(logits.device)
    inside = padded([np.ones_like(answer) for answer in answers], 0, logits.shape[1]).to(logits.device) > 0
    logits = logits.float()
    each = logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1) - logits.logsumexp(-1)
    result: Floats = torch.where(inside, each, 0.0).double().sum(-1).cpu().numpy()
    return result


def padded(rows: Sequence[Ids], fill: int, length: int | None = None, *, left: bool = False) -> "Tensor":
    """int64 [B, L], filled up on the right or on the left; L is `length`, or that of the longest row."""
    import torch

    length = max(len(row) for row in rows) if length is None else length
    result = np.full((len(rows), length), fill, np.int64)
    for number, row in enumerate(rows):
        begin = length - len(row) if left else 0
        result[number, begin : begin + len(row)] = row
    return torch.from_numpy(result)


def prompt_tensors(
    prompts: Sequence[Ids], fill: int, length: int, device: "torch.device", *, left: bool = False
) -> "tuple[Tensor, Tensor]":
    """Tokens and attention mask of prompts on `device`, each int64 [B, length]."""
    ones = [np.ones_like(prompt) for prompt in prompts]
    return padded(prompts, fill, length, left=left).to(device), padded(ones, 0, length, left=left).to(device)
