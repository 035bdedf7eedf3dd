"""Decoder-only models, such as GPT-2 (Radford et al., 2019)."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from framework.generative.prompts import Ids
from framework.generative.tensors import padded
from framework.generative.writer import Beams, summed, without_end
from framework.models.special_tokens import SpecialTokens
from framework.signals.span import Floats

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class ReadPrompt:
    """ids: int64 [1, L]; cache: keys and values of all layers; logits: [1, 1, V], of the first token of an answer."""

    ids: "Tensor"
    cache: Any
    logits: "Tensor"


@dataclass(frozen=True)
class CausalWriter:
    """See Writer."""

    model: Any
    special: SpecialTokens

    def read(self, prompt: Ids) -> ReadPrompt:
        """See Writer."""
        ids = padded([prompt], self.special.pad).to(self.model.device)
        output = self.model(input_ids=ids, attention_mask=ids.new_ones(ids.shape), use_cache=True)
        return ReadPrompt(ids, output.past_key_values, output.logits[:, -1:])

    def write(self, known: ReadPrompt, beams: Beams) -> list[Ids]:
        """See Writer."""
        found = self.model.generate(
            input_ids=known.ids,
            attention_mask=known.ids.new_ones(known.ids.shape),
            generation_config=beams.settings(self.special),
        )
        return [without_end(sequence[known.ids.shape[1] :], self.special.end) for sequence in found]

    def log_probs(self, known: ReadPrompt, answers: Sequence[Ids]) -> Floats:
        """See Writer. The prompt's keys and values are shared by all answers."""
        import torch

        targets = padded(answers, self.special.pad).to(self.model.device)
        logits = known.logits.expand(len(answers), -1, -1)
        if targets.shape[1] > 1:
            cache = copy.deepcopy(known.cache)
            cache.batch_repeat_interleave(len(answers))
            seen = known.ids.shape[1] + targets.shape[1] - 1
            # What fills up an answer comes after it, where no token that counts can look.
            mask = targets.new_ones((len(answers), seen))
            output = self.model(input_ids=targets[:, :-1], attention_mask=mask, past_key_values=cache, use_cache=True)
            logits = torch.cat([logits, output.logits], dim=1)
        return summed(logits, targets, [len(answer) for answer in answers])
