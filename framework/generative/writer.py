"""A model that reads a prompt once, writes answers to it, and says how likely others are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from framework.generative.kind import Generator
from framework.generative.prompts import Ids
from framework.models.special_tokens import SpecialTokens
from framework.signals.span import Floats

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Beams:
    """Beam search. count: beams, and answers returned; max_answer: tokens of an answer, its end aside;
    length_normalisation: α of log P / length^α, by which beams are ranked."""

    count: int
    max_answer: int
    length_normalisation: float

    def settings(self, special: SpecialTokens) -> Any:
        """As transformers wants them."""
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
            decoder_start_token_id=special.start,
            **ranking,
        )


class Writer(Protocol):
    """A generator. `read` gives what it knows after a prompt; the others take that."""

    def read(self, prompt: Ids) -> Any:
        """Run the model on a prompt, once for everything that is asked about it."""

    def write(self, known: Any, beams: Beams) -> list[Ids]:
        """The best answers, without their ends, best first."""

    def log_probs(self, known: Any, answers: Sequence[Ids]) -> Floats:
        """log P(answer | prompt), natural logarithms. [answers]"""


def writer_for(generator: Generator, model: Any, special: SpecialTokens) -> Writer:
    """The writer of a model that is on its device."""
    from framework.generative.causal import CausalWriter
    from framework.generative.seq2seq import Seq2SeqWriter

    return Seq2SeqWriter(model, special) if generator.encoder_decoder else CausalWriter(model, special)


def without_end(sequence: "Tensor", end: int) -> Ids:
    """A generated sequence [L] up to its end-of-text token, or all of it where there is none."""
    ids: Ids = sequence.cpu().numpy().astype(np.int32)
    ends = np.flatnonzero(ids == end)
    return ids[: ends[0]] if len(ends) else ids


def summed(logits: "Tensor", answers: "Tensor", lengths: Sequence[int]) -> Floats:
    """Log-probabilities of whole answers [B, L] by the logits [B, L, V] at their places; `lengths` leaves out padding."""
    import torch

    logits = logits.float()
    each = logits.gather(-1, answers.unsqueeze(-1)).squeeze(-1) - logits.logsumexp(-1)
    inside = torch.arange(answers.shape[1], device=answers.device) < torch.tensor(
        lengths, device=answers.device
    ).unsqueeze(1)
    result: Floats = torch.where(inside, each, 0.0).double().sum(-1).cpu().numpy()
    return result
