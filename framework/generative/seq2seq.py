"""Encoder-decoders, such as T5 (Raffel et al., arXiv 1910.10683)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from distil.framework.data.batches import Rows
from distil.framework.generative.causal import alike, rounding
from distil.framework.generative.remembered import for_rows
from distil.framework.generative.writer import Beams, Ids, padded, prompt_tensors, summed
from distil.framework.models.tokenizers import SpecialTokens
from distil.framework.segments import Floats

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import Cache, PreTrainedModel
    from transformers.utils import ModelOutput

_TRIED = 5  # tokens of a prompt, and of an answer, by which a model is tried


@dataclass(frozen=True)
class ReadPrompts:
    """ids, mask: int64 [B, L], 1 where a prompt is; output: the encoder's, with states [B, L, width]; crossing: the decoder's keys
    and values for these states, None of a model that does not remember."""

    ids: "Tensor"
    output: "ModelOutput"
    mask: "Tensor"
    crossing: "Cache | None"


@dataclass(frozen=True)
class Seq2SeqWriter:
    """See Writer. remembers: see `remembers`."""

    model: "PreTrainedModel"
    special: SpecialTokens
    remembers: bool
    pads: ClassVar[bool] = True

    def read(self, prompts: Sequence[Ids], length: int) -> ReadPrompts:
        """See Writer."""
        import torch

        ids, mask = prompt_tensors(prompts, self.special.pad, length, self.model.device)
        known = ReadPrompts(ids, self.model.get_encoder()(input_ids=ids, attention_mask=mask), mask, None)
        if not self.remembers:
            return known
        begun = torch.full((len(prompts), 1), self.special.start[0], device=ids.device)
        cache = self._decoded(ids, known.output, mask, begun).past_key_values
        return replace(known, crossing=cache.cross_attention_cache)

    def search(self, known: ReadPrompts, beams: Beams) -> "tuple[Tensor, Tensor | None]":
        """See Writer."""
        import torch

        ids = known.ids
        begun = torch.tensor([self.special.start] * len(ids), device=ids.device)
        given = {}
        if known.crossing is not None:
            cache = self._cache(known, torch.arange(len(ids), device=ids.device).repeat_interleave(beams.count))
            cache.reorder_cache = cache.self_attention_cache.reorder_cache  # a prompt's beams have all else in common
            given = {"past_key_values": cache}
        found = self.model.generate(
            input_ids=ids,
            attention_mask=known.mask,
            encoder_outputs=type(known.output)(last_hidden_state=known.output.last_hidden_state),
            decoder_input_ids=begun,
            decoder_attention_mask=torch.ones_like(begun),
            generation_config=beams.settings(self.special),
            **given,
        )
        return found.sequences[:, begun.shape[1] :], found.get("sequences_scores")

    def log_probs(self, known: ReadPrompts, rows: Rows, answers: Sequence[Ids], length: int) -> Floats:
        """See Writer. All answers to a prompt share the keys and values for what its encoder gives, if there are any."""
        import torch

        device = self.model.device
        start = np.asarray(self.special.start, np.int32)
        before = len(start) - 1
        begun = padded([np.append(start, answer[:-1]) for answer in answers], self.special.pad, before + length)
        logits = self.logits(known, torch.from_numpy(rows).to(device), begun.to(device))
        return summed(logits[:, before:], answers)

    def begun(self, known: ReadPrompts, rows: "Tensor", room: int) -> "BegunTexts":
        """See Draws."""
        import torch

        ids = torch.tensor([self.special.start] * len(rows), device=known.ids.device)
        cache = None if known.crossing is None else self._cache(known, rows)
        states = type(known.output)(last_hidden_state=known.output.last_hidden_state[rows])
        return BegunTexts(self, known.ids[rows], states, known.mask[rows], cache, ids, ids)

    def logits(self, known: ReadPrompts, rows: "Tensor", begun: "Tensor") -> "Tensor":
        """What may follow each token of answers to the prompts `rows`, [pairs, L, V]. begun: those answers, [pairs, L]."""
        states = type(known.output)(last_hidden_state=known.output.last_hidden_state[rows])
        given = {} if known.crossing is None else {"past_key_values": self._cache(known, rows)}
        found: Tensor = self._decoded(known.ids[rows], states, known.mask[rows], begun, **given).logits
        return found

    def _decoded(
        self,
        ids: "Tensor",
        states: "ModelOutput",
        mask: "Tensor",
        begun: "Tensor",
        written: "Tensor | None" = None,
        **given: "Cache",
    ) -> "ModelOutput":
        """written: all of the answers, of which `begun` is the end that is to be read; None: it is all."""
        import torch

        return self.model(
            input_ids=ids,
            encoder_outputs=states,
            attention_mask=mask,
            decoder_input_ids=begun,
            # What fills up an answer comes after it, where no token that counts can look; a model that hid it by itself
            # would hide a start that is the padding token, too.
            decoder_attention_mask=torch.ones_like(begun if written is None else written),
            use_cache=self.remembers,
            **given,
        )

    def _cache(self, known: ReadPrompts, rows: "Tensor") -> "Cache":
        """For answers that are still to begin, to the prompts `rows`."""
        from transformers import DynamicCache, EncoderDecoderCache

        own = DynamicCache(config=self.model.config.get_text_config(decoder=True))
        return EncoderDecoderCache(own, for_rows(known.crossing, rows))


@dataclass
class BegunTexts:
    """See Begun. ids, states, mask: of prompts; cache: None of a model that does not remember; written: int64 [rows, L], the start and
    what is written so far, of which `unread` is still to be read."""

    writer: Seq2SeqWriter
    ids: "Tensor"
    states: "ModelOutput"
    mask: "Tensor"
    cache: "Cache | None"
    written: "Tensor"
    unread: "Tensor"

    def next(self, chosen: "Tensor | None") -> "Tensor":
        """See Begun."""
        import torch

        if chosen is not None:
            self.written = torch.cat([self.written, chosen[:, None]], dim=1)
            self.unread = self.written if self.cache is None else chosen[:, None]
        given = {} if self.cache is None else {"past_key_values": self.cache}
        output = self.writer._decoded(self.ids, self.states, self.mask, self.unread, self.written, **given)
        logits: Tensor = output.logits[:, -1].float()
        return logits


def remembers(model: "PreTrainedModel", special: SpecialTokens) -> bool:
    """Whether a decoder takes keys and values for what the encoder gives from one who has asked about the same prompt before.

    For one that does not, they are computed again for each answer.
    """
    import torch

    device = model.device
    writers = (Seq2SeqWriter(model, special, remembers) for remembers in (False, True))
    prompts = [np.arange(1, 1 + count, dtype=np.int32) for count in (_TRIED - 1, _TRIED)]
    rows = torch.tensor([1, 0, 1], device=device)
    begun = torch.arange(1, 1 + 3 * _TRIED, device=device).reshape(3, _TRIED)
    with torch.inference_mode():
        try:
            fresh, knowing = (writer.logits(writer.read(prompts, _TRIED), rows, begun) for writer in writers)
        except (AttributeError, TypeError, ValueError, IndexError):  # there are none, or of another kind
            return False
    if fresh.shape != knowing.shape:  # of keys and values that are there it says what comes next alone
        return False
    return alike(fresh.flatten(0, 1), knowing.flatten(0, 1), rounding(model))
