"""The objective of generators: write the first gold answer, then end (teacher forcing)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from distil.framework.generative.writer import Ids, padded
from distil.framework.models.kind import Generator
from distil.framework.models.tokenizers import SpecialTokens
from distil.framework.training.engine import TrainingEngine

if TYPE_CHECKING:
    from torch import Tensor, nn

_NOT_ASKED = -100


@dataclass(frozen=True)
class GenerationBatch:
    """Inputs of B items, and R tokens that are to be written. places: int64 [R], which of the model's B · T logits is to be each
    one's; targets: int64 [R], the tokens; weight: float32 [R]."""

    inputs: "dict[str, Tensor]"
    places: "Tensor"
    targets: "Tensor"
    weight: "Tensor"


@dataclass(frozen=True)
class Generation:
    """N prompts with their answers. The loss of an item is the mean cross-entropy of its answer's tokens, end included."""

    generator: Generator
    special: SpecialTokens
    prompts: Sequence[Ids]
    answers: Sequence[Ids]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of every prompt with its answer. [N]"""
        pairs = zip(self.prompts, self.answers, strict=True)
        return np.asarray([len(prompt) + len(answer) for prompt, answer in pairs], np.int64)

    @property
    def terms(self) -> Sequence[str]:
        """See Objective."""
        return ["answer"]

    def build(self, initial: Path, seed: int) -> "nn.Module":
        """See Objective."""
        from distil.framework.models.build import pretrained_model

        model: nn.Module = pretrained_model(self.generator, initial, seed)
        return model

    def prefetch(self, batches: Sequence[NDArray[np.int64]]) -> None:
        """See Objective; everything is there already."""

    def batch(self, rows: NDArray[np.int64], counts: bool, step: int) -> GenerationBatch:
        """See Objective."""
        import torch

        prompts = [self.prompts[row] for row in rows]
        answers = [self.answers[row] for row in rows]
        make = _seq2seq if self.generator.encoder_decoder else _causal
        inputs, targets = make(prompts, answers, self.special)
        asked = padded(targets, _NOT_ASKED)
        item, place = torch.nonzero(asked != _NOT_ASKED, as_tuple=True)
        weight = torch.tensor([float(counts) / len(answer) for answer in answers])
        return GenerationBatch(inputs, item * asked.shape[1] + place, asked[item, place], weight[item])

    def loss(
        self, engine: TrainingEngine, batch: GenerationBatch, progress: float
    ) -> "tuple[Tensor, dict[str, Tensor]]":
        """See Objective."""
        from torch.nn.functional import cross_entropy

        logits = engine(**batch.inputs, use_cache=False).logits
        losses = cross_entropy(
            logits.flatten(0, 1).index_select(0, batch.places).float(), batch.targets, reduction="none"
        )
        loss = (losses * batch.weight).sum()
        return loss, {"answer": loss.detach()}

    def save(self, module: Any, weights: "dict[str, Tensor]", folder: Path) -> None:
        """See Objective. A matrix that embeddings and head share is saved once."""
        from distil.framework.models.build import save_weights

        shared_once = {name for name, _ in (*module.named_parameters(), *module.named_buffers())}
        save_weights(module, {name: tensor for name, tensor in weights.items() if name in shared_once}, folder)


def _seq2seq(prompts: list[Ids], answers: list[Ids], special: SpecialTokens) -> "tuple[dict[str, Tensor], list[Ids]]":
    start = np.asarray(special.start, np.int32)
    begun = [np.concatenate([start, answer[:-1]]) for answer in answers]
    inputs = {
        "input_ids": padded(prompts, special.pad),
        "attention_mask": padded([np.ones_like(prompt) for prompt in prompts], 0),
        "decoder_input_ids": padded(begun, special.pad),
        "decoder_attention_mask": padded([np.ones_like(ids) for ids in begun], 1),
    }
    before = np.full(len(start) - 1, _NOT_ASKED, np.int32)
    return inputs, [np.concatenate([before, answer]) for answer in answers]


def _causal(prompts: list[Ids], answers: list[Ids], special: SpecialTokens) -> "tuple[dict[str, Tensor], list[Ids]]":
    """Each token is to be written at the place before its own."""
    given = [np.concatenate([prompt, answer[:-1]]) for prompt, answer in zip(prompts, answers, strict=True)]
    targets = [
        np.concatenate([np.full(len(prompt) - 1, _NOT_ASKED, np.int32), answer])
        for prompt, answer in zip(prompts, answers, strict=True)
    ]
    inputs = {
        "input_ids": padded(given, special.pad),
        "attention_mask": padded([np.ones_like(ids) for ids in given], 0),
    }
    return inputs, targets
