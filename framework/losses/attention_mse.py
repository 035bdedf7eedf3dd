"""Squared error between attention scores (TinyBERT: Jiao et al., arXiv 1909.10351)."""

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from framework.config import Section
from framework.errors import ModelError
from framework.losses.attention_vectors import check_has_vectors, split_heads
from framework.losses.base import Weight
from framework.losses.live import LayerMap, LiveTeacherName, States, Wanted, layer_pairs, token_mean

if TYPE_CHECKING:
    from torch import Tensor, nn


class AttentionMSE(Section):
    """Mean over layers, heads and pairs of tokens of the squared difference of the scores Q·Kᵀ/√d.

    These are the scores before softmax, which TinyBERT found to work better than the probabilities.
    """

    kind: Literal["attention_mse"] = "attention_mse"
    weight: Weight = 1.0
    teacher: LiveTeacherName = None
    layers: LayerMap = None
    source: ClassVar[Literal["live"]] = "live"

    def wants(self, student: Any, teacher: Any) -> tuple[Wanted, Wanted]:
        """See LiveLoss."""
        check_has_vectors(student, "student")
        check_has_vectors(teacher, "teacher")
        if student.num_attention_heads != teacher.num_attention_heads:
            raise ModelError(
                f"the student has {student.num_attention_heads} attention heads and the teacher "
                f"{teacher.num_attention_heads}, which are compared one by one: give the student as many, or use "
                "minilm_relations"
            )
        pairs = layer_pairs(self.layers, student.num_hidden_layers, teacher.num_hidden_layers)
        own, other = zip(*pairs, strict=True)
        return Wanted(attention=frozenset(own)), Wanted(attention=frozenset(other))

    def new_projection(self, student: Any, teacher: Any) -> None:
        """See LiveLoss; there is nothing to learn."""

    def __call__(self, student: States, teacher: States, mask: "Tensor", projection: "nn.Module | None") -> "Tensor":
        import torch

        of_tokens = mask.unsqueeze(2) & mask.unsqueeze(1)
        errors = []
        for own, other in layer_pairs(self.layers, student.layers, teacher.layers):
            squares = (_scores(student, own) - _scores(teacher, other)) ** 2
            errors.append(token_mean(squares.mean(1).flatten(1), of_tokens.flatten(1)))
        return torch.stack(errors).mean(0)


def _scores(states: States, layer: int) -> "Tensor":
    """Scores of a layer, float32 [B, heads, L, L]."""
    queries, keys = (split_heads(vectors, states.heads) for vectors in states.attention[layer][:2])
    return queries @ keys.transpose(-1, -2) / math.sqrt(queries.shape[-1])
