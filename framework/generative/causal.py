"""Decoder-only models, such as GPT-2 (Radford et al., 2019)."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from distil.framework.data.batches import Rows
from distil.framework.generative.remembered import for_beams, for_rows
from distil.framework.generative.writer import Beams, Ids, padded, prompt_tensors, summed
from distil.framework.models.tokenizers import SpecialTokens
from distil.framework.segments import Floats

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import Cache, PreTrainedModel

_FILLED = 5  # tokens by which a model is tried, and as many before them
_ROUNDING = {"fp32": 3e-4, "fp16": 1e-2, "bf16": 5e-2}  # of the largest logit; 3e-5 have been seen in 30 layers


@dataclass(frozen=True)
class ReadPrompts:
    """Prompts of L tokens. ids, mask: int64 [B, L], 1 where a prompt is; cache: keys and values of all layers for all but
    their last tokens, None of a model that does not remember."""

    ids: "Tensor"
    mask: "Tensor"
    cache: "Cache | None"


@dataclass(frozen=True)
class CausalWriter:
    """See Writer. Prompts are padded on the left, so that answers follow them at once.

    pads, remembers: see `pads_left` and `remembers`.
    """

    model: "PreTrainedModel"
    special: SpecialTokens
    pads: bool
    remembers: bool

    def read(self, prompts: Sequence[Ids], length: int) -> ReadPrompts:
        """See Writer. The last token is left for those who need the logits that follow it."""
        ids, mask = prompt_tensors(prompts, self.special.pad, length, self.model.device, left=True)
        if not self.remembers:
            return ReadPrompts(ids, mask, None)
        output = self.model.base_model(
            input_ids=ids[:, :-1], attention_mask=mask[:, :-1], use_cache=True, **positions(self.pads, mask[:, :-1])
        )
        return ReadPrompts(ids, mask, output.past_key_values)

    def search(self, known: ReadPrompts, beams: Beams) -> "tuple[Tensor, Tensor | None]":
        """See Writer. All beams of a prompt begin with its keys and values, if there are any."""
        import torch

        count, length = known.ids.shape
        rows = torch.arange(count, device=known.ids.device).repeat_interleave(beams.count)
        found = self.model.generate(
            input_ids=known.ids,
            attention_mask=known.mask,
            generation_config=beams.settings(self.special, self.remembers),
            **({} if known.cache is None else {"past_key_values": for_beams(known.cache, rows, beams.max_answer + 2)}),
        )
        return found.sequences[:, length:], found.get("sequences_scores")

    def begun(self, known: ReadPrompts, rows: "Tensor", room: int) -> "BegunTexts":
        """See Draws."""
        cache = None if known.cache is None else for_beams(known.cache, rows, room)
        return BegunTexts(self, known.ids[rows], known.mask[rows], cache)

    def log_probs(self, known: ReadPrompts, rows: Rows, answers: Sequence[Ids], length: int) -> Floats:
        """See Writer. All answers to a prompt share its keys and values, if there are any."""
        import torch

        asked = torch.from_numpy(rows).to(self.model.device)
        begun = padded([answer[:-1] for answer in answers], self.special.pad, length - 1).to(self.model.device)
        ids = torch.cat([known.ids[asked], begun], dim=1)
        # What fills up an answer comes after it, where no token that counts can look.
        mask = torch.cat([known.mask[asked], torch.ones_like(begun)], dim=1)
        cache = None if known.cache is None else for_rows(known.cache, asked)
        new = ids.shape[1] if cache is None else length
        logits = self.model(
            input_ids=ids[:, -new:],
            attention_mask=mask,
            use_cache=cache is not None,
            **({} if cache is None else {"past_key_values": cache}),
            **positions(self.pads, mask, new),
        ).logits
        return summed(logits[:, -length:], answers)


@dataclass
class BegunTexts:
    """See Begun. ids, mask: int64 [rows, L], prompts and what is written so far; cache: keys and values of all but the last token."""

    writer: CausalWriter
    ids: "Tensor"
    mask: "Tensor"
    cache: "Cache | None"

    def next(self, chosen: "Tensor | None") -> "Tensor":
        """See Begun."""
        import torch

        if chosen is not None:
            self.ids = torch.cat([self.ids, chosen[:, None]], dim=1)
            self.mask = torch.cat([self.mask, torch.ones_like(self.mask[:, :1])], dim=1)
        new = self.ids.shape[1] if self.cache is None else 1
        output = self.writer.model(
            input_ids=self.ids[:, -new:],
            attention_mask=self.mask,
            use_cache=self.cache is not None,
            **({} if self.cache is None else {"past_key_values": self.cache}),
            **positions(self.writer.pads, self.mask, new),
        )
        logits: Tensor = output.logits[:, -1].float()
        return logits


def positions(given: bool, mask: "Tensor", last: int | None = None) -> "dict[str, Tensor]":
    """What a model is told of where its tokens are, of the `last` ones or of all, if it is to be told."""
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    return {"position_ids": positions if last is None else positions[:, -last:]} if given else {}


def pads_left(model: "PreTrainedModel") -> bool:
    """Whether a model writes the same after a prompt that is filled up on its left.

    One that takes no positions would count those of the filling, RoBERTa numbers them in a way of its own, and Jamba's
    state does not forget the filling.
    """
    import torch

    if "position_ids" not in inspect.signature(model.forward).parameters:
        return False
    ids = torch.arange(1, _FILLED + 1, device=model.device)[None]
    filled = torch.cat([torch.zeros_like(ids), ids], dim=1)
    mask = torch.cat([torch.zeros_like(ids), torch.ones_like(ids)], dim=1)
    with torch.inference_mode():
        alone = model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).logits[0]
        behind = model(input_ids=filled, attention_mask=mask, use_cache=False, **positions(True, mask)).logits[
            0, _FILLED:
        ]
    return alike(alone, behind, rounding(model))


def remembers(model: "PreTrainedModel") -> bool:
    """Whether a model hands out keys and values of what it has read, to which others may be asked what follows.

    One that does not reads a prompt again for each answer: Mamba hands out none, and Jamba goes on from them by one token
    at a time only.
    """
    import torch

    ids = torch.arange(1, 2 * _FILLED + 1, device=model.device)[None]
    with torch.inference_mode():
        whole = model(input_ids=ids, use_cache=False).logits[0, _FILLED:]
        try:
            cache = model.base_model(input_ids=ids[:, :_FILLED], use_cache=True).past_key_values
            cache.reorder_cache(torch.zeros(1, dtype=torch.int64, device=model.device))
            after = model(input_ids=ids[:, _FILLED:], past_key_values=cache, use_cache=True).logits[0]
        except (AttributeError, ValueError):  # there is none, or one that does not count what it has read
            return False
    return alike(whole, after, rounding(model))


def rounding(model: "PreTrainedModel") -> float:
    """By how much of its largest logit a model's logits may differ for no other reason than the numbers that it computes in."""
    import torch

    if getattr(model, "is_loaded_in_8bit", False):  # which rounds what it reads to 8 bits, too
        return _ROUNDING["bf16"]
    return _ROUNDING[{torch.float16: "fp16", torch.bfloat16: "bf16"}.get(model.dtype, "fp32")]


def alike(first: "Tensor", second: "Tensor", rounding: float) -> bool:
    """Whether logits differ by rounding only. [tokens, V] each."""
    first, second = first.float(), second.float()
    spread = (first - first.mean(1, keepdim=True)).abs().max()
    return bool((first - second).abs().max() <= rounding * spread)
