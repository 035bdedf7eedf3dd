"""Encoder-decoders, such as T5 (Raffel et al., arXiv 1910.10683)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.generative.prompts import Ids
from framework.generative.tensors import padded
from framework.generative.writer import Beams, summed, without_end
from framework.models.special_tokens import SpecialTokens
from framework.signals.span import Floats

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Seq2SeqWriter:
    """See Writer. Known of a prompt are the encoder's states, [1, L, width]."""

    model: Any
    special: SpecialTokens

    def read(self, prompt: Ids) -> "Tensor":
        """See Writer."""
        ids = padded([prompt], self.special.pad).to(self.model.device)
        states: Tensor = self.model.get_encoder()(input_ids=ids, attention_mask=ids.new_ones(ids.shape))[0]
        return states

    def write(self, known: "Tensor", beams: Beams) -> list[Ids]:
        """See Writer."""
        found = self.model.generate(**_encoded(known, 1), generation_config=beams.settings(self.special))
        return [without_end(sequence[1:], self.special.end) for sequence in found]

    def log_probs(self, known: "Tensor", answers: Sequence[Ids]) -> Floats:
        """See Writer."""
        begun = [np.concatenate([[np.int32(self.special.start)], answer[:-1]]) for answer in answers]
        logits = self.model(
            **_encoded(known, len(answers)),
            decoder_input_ids=padded(begun, self.special.pad).to(self.model.device),
            use_cache=False,
        ).logits
        targets = padded(answers, self.special.pad).to(self.model.device)
        return summed(logits, targets, [len(answer) for answer in answers])


def _encoded(states: "Tensor", count: int) -> dict[str, Any]:
    """The inputs that stand for a prompt that has been read, `count` times."""
    import torch
    from transformers.modeling_outputs import BaseModelOutput

    repeated = states.expand(count, -1, -1)
    mask = torch.ones(repeated.shape[:2], dtype=torch.int64, device=states.device)
    return {"encoder_outputs": BaseModelOutput(last_hidden_state=repeated), "attention_mask": mask}
