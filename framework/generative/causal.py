"""Decoder-only models, such as GPT-2 (Radford et al., 2019)."""

import copy
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
    """Prompts of L tokens, all but their last ones. cache: keys and values of all layers; mask: int64 [B, L - 1], 1 where a
    prompt is; last: their last tokens, [B]."""

    cache: Any
    mask: "Tensor"
    last: Ids


@dataclass(frozen=True)
class CausalWriter:
    """See Writer. Prompts are padded on the left, so that answers follow them at once."""

    model: Any
    special: SpecialTokens

    @property
    def pads(self) -> bool:
        """See Writer. A model that takes no positions would count those of what fills a prompt up."""
        return "position_ids" in inspect.signature(self.model.forward).parameters

    def write(self, prompts: Sequence[Ids], length: int, beams: Beams) -> list[list[Ids]]:
        """See Writer."""
        ids, mask = self._tensors(prompts, length)
        found = self.model.generate(input_ids=ids, attention_mask=mask, generation_config=beams.settings(self.special))
        return written(found[:, length:], self.special.end, len(prompts))

    def read(self, prompts: Sequence[Ids], length: int) -> ReadPrompts:
        """See Writer. The last token is left for `log_probs`, which needs the logits that follow it."""
        ids, mask = self._tensors([prompt[:-1] for prompt in prompts], length - 1)
        output = self.model.base_model(
            input_ids=ids, attention_mask=mask, use_cache=True, **self._positions((mask.cumsum(1) - 1).clamp(min=0))
        )
        return ReadPrompts(output.past_key_values, mask, np.asarray([prompt[-1] for prompt in prompts], np.int32))

    def log_probs(self, known: ReadPrompts, rows: Rows, answers: Sequence[Ids], length: int) -> Floats:
        """See Writer. All answers to a prompt share its keys and values."""
        import torch

        device = self.model.device
        asked = torch.from_numpy(rows).to(device)
        begun = [np.append(known.last[row], answer[:-1]) for row, answer in zip(rows, answers, strict=True)]
        ids = padded(begun, self.special.pad, length).to(device)
        cache = copy.deepcopy(known.cache)
        cache.reorder_cache(asked)
        seen = known.mask[asked]
        logits = self.model(
            input_ids=ids,
            # What fills up an answer comes after it, where no token that counts can look.
            attention_mask=torch.cat([seen, torch.ones_like(ids)], dim=1),
            past_key_values=cache,
            use_cache=True,
            **self._positions(seen.sum(1, keepdim=True) + torch.arange(length, device=device)),
        ).logits
        return summed(logits, answers)

    def _tensors(self, prompts: Sequence[Ids], length: int) -> "tuple[Tensor, Tensor]":
        ids, mask = prompt_tensors(prompts, self.special.pad, length, left=True)
        return ids.to(self.model.device), mask.to(self.model.device)

    def _positions(self, positions: "Tensor") -> "dict[str, Tensor]":
        return {"position_ids": positions} if self.pads else {}
