"""Encoder-decoders, such as T5 (Raffel et al., arXiv 1910.10683)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from framework.data.batches import Rows
from framework.generative.writer import Beams, Ids, padded, prompt_tensors, summed
from framework.models.tokenizers import SpecialTokens
from framework.segments import Floats

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class ReadPrompts:
    """ids, mask: int64 [B, L], 1 where a prompt is; output: the encoder's, with states [B, L, width]."""

    ids: "Tensor"
    output: Any
    mask: "Tensor"


@dataclass(frozen=True)
class Seq2SeqWriter:
    """See Writer."""

    model: "PreTrainedModel"
    special: SpecialTokens
    pads: ClassVar[bool] = True

    def search(self, prompts: Sequence[Ids], length: int, beams: Beams) -> "tuple[Tensor, Tensor | None]":
        """See Writer."""
        import torch

        ids, mask = prompt_tensors(prompts, self.special.pad, length, self.model.device)
        begun = torch.tensor([self.special.start] * len(prompts), device=ids.device)
        found = self.model.generate(
            input_ids=ids,
            attention_mask=mask,
            decoder_input_ids=begun,
            decoder_attention_mask=torch.ones_like(begun),
            generation_config=beams.settings(self.special),
        )
        return found.sequences[:, begun.shape[1] :], found.get("sequences_scores")

    def read(self, prompts: Sequence[Ids], length: int) -> ReadPrompts:
        """See Writer."""
        ids, mask = prompt_tensors(prompts, self.special.pad, length, self.model.device)
        return ReadPrompts(ids, self.model.get_encoder()(input_ids=ids, attention_mask=mask), mask)

    def log_probs(self, known: ReadPrompts, rows: Rows, answers: Sequence[Ids], length: int) -> Floats:
        """See Writer."""
        import torch

        device = self.model.device
        asked = torch.from_numpy(rows).to(device)
        start = np.asarray(self.special.start, np.int32)
        before = len(start) - 1
        begun = padded([np.append(start, answer[:-1]) for answer in answers], self.special.pad, before + length).to(
            device
        )
        states = known.output.last_hidden_state[asked]
        logits = self.model(
            input_ids=known.ids[asked],
            encoder_outputs=type(known.output)(last_hidden_state=states),
            attention_mask=known.mask[asked],
            decoder_input_ids=begun,
            # What fills up an answer comes after it, where no token that counts can look; a model that hid it by itself
            # would hide a start that is the padding token, too.
            decoder_attention_mask=torch.ones_like(begun),
            use_cache=False,
        ).logits
        return summed(logits[:, before:], answers)
