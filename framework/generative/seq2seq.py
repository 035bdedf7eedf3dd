"""Encoder-decoders, such as T5 (Raffel et al., arXiv 1910.10683)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from framework.data.alike import Rows
from framework.generative.prompts import Ids
from framework.generative.tensors import padded, prompt_tensors
from framework.generative.writer import Beams, summed, written
from framework.models.special_tokens import SpecialTokens
from framework.signals.span import Floats

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class ReadPrompts:
    """states: those of the encoder, [B, L, width]; mask: int64 [B, L], 1 where a prompt is."""

    states: "Tensor"
    mask: "Tensor"


@dataclass(frozen=True)
class Seq2SeqWriter:
    """See Writer."""

    model: Any
    special: SpecialTokens
    pads: ClassVar[bool] = True

    def write(self, prompts: Sequence[Ids], length: int, beams: Beams) -> list[list[Ids]]:
        """See Writer."""
        ids, mask = self._tensors(prompts, length)
        found = self.model.generate(input_ids=ids, attention_mask=mask, generation_config=beams.settings(self.special))
        return written(found[:, 1:], self.special.end, len(prompts))

    def read(self, prompts: Sequence[Ids], length: int) -> ReadPrompts:
        """See Writer."""
        ids, mask = self._tensors(prompts, length)
        return ReadPrompts(self.model.get_encoder()(input_ids=ids, attention_mask=mask)[0], mask)

    def log_probs(self, known: ReadPrompts, rows: Rows, answers: Sequence[Ids], length: int) -> Floats:
        """See Writer."""
        import torch
        from transformers.modeling_outputs import BaseModelOutput

        device = self.model.device
        asked = torch.from_numpy(rows).to(device)
        begun = [np.append(np.int32(self.special.start), answer[:-1]) for answer in answers]
        logits = self.model(
            encoder_outputs=BaseModelOutput(last_hidden_state=known.states[asked]),
            attention_mask=known.mask[asked],
            decoder_input_ids=padded(begun, self.special.pad, length).to(device),
            use_cache=False,
        ).logits
        return summed(logits, answers)

    def _tensors(self, prompts: Sequence[Ids], length: int) -> "tuple[Tensor, Tensor]":
        ids, mask = prompt_tensors(prompts, self.special.pad, length)
        return ids.to(self.model.device), mask.to(self.model.device)
