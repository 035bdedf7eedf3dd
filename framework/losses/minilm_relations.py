"""Multi-head self-attention relations (MiniLMv2: Wang et al., arXiv 2012.15828; after MiniLM, arXiv 2002.10957)."""

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from framework.config import Layer, Section
from framework.errors import ModelError
from framework.losses.attention_vectors import check_has_vectors, split_heads
from framework.losses.base import Weight
from framework.losses.live import LiveTeacherName, States, Wanted, layer_number, token_mean

if TYPE_CHECKING:
    from torch import Tensor, nn


class MiniLMRelations(Section):
    """KL(teacher ‖ student) between softmax(A·Aᵀ/√d) for A = queries, keys, values of one layer each; mean of the three.

    The vectors of all heads are put side by side and cut into `relation_heads` anew, so that models of unlike widths and
    heads can be compared. The student's layer is its last.
    """

    kind: Literal["minilm_relations"] = "minilm_relations"
    weight: Weight = 1.0
    teacher: LiveTeacherName = None
    teacher_layer: Layer = Field(
        default=-1,
        description="From 0; negative from the end. MiniLMv2 advises one above the middle for a large teacher: 20 for "
        "BERT-large, 18 for RoBERTa-large, of 24.",
    )
    relation_heads: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="Has to divide both widths. Default: the teacher's number of attention heads.",
    )
    source: ClassVar[Literal["live"]] = "live"

    def wants(self, student: Any, teacher: Any) -> tuple[Wanted, Wanted]:
        """See LiveLoss."""
        check_has_vectors(student, "student")
        check_has_vectors(teacher, "teacher")
        heads = self.relation_heads or int(teacher.num_attention_heads)
        for whose, config in (("student", student), ("teacher", teacher)):
            if config.hidden_size % heads:
                raise ModelError(
                    f"the {whose}'s width {config.hidden_size} cannot be cut into {heads} relation heads; set relation_heads "
                    f"to a number that divides {student.hidden_size} and {teacher.hidden_size}"
                )
        layer = layer_number(self.teacher_layer, teacher.num_hidden_layers, "teacher")
        return Wanted(attention=frozenset({student.num_hidden_layers - 1})), Wanted(attention=frozenset({layer}))

    def new_projection(self, student: Any, teacher: Any) -> None:
        """See LiveLoss; there is nothing to learn."""

    def __call__(self, student: States, teacher: States, mask: "Tensor", projection: "nn.Module | None") -> "Tensor":
        import torch

        heads = self.relation_heads or teacher.heads
        own = student.attention[student.layers - 1]
        other = teacher.attention[layer_number(self.teacher_layer, teacher.layers, "teacher")]
        divergences = []
        for ours, theirs in zip(own, other, strict=True):
            q, p = _log_relations(ours, heads, mask), _log_relations(theirs, heads, mask)
            divergences.append(token_mean((p.exp() * (p - q)).sum(-1).mean(1), mask))
        return torch.stack(divergences).mean(0)


def _log_relations(vectors: "Tensor", heads: int, mask: "Tensor") -> "Tensor":
    """Logarithms of each token's relation to all tokens, from vectors [B, L, D]: float32 [B, heads, L, L]."""
    cut = split_heads(vectors, heads)
    scores = cut @ cut.transpose(-1, -2) / math.sqrt(cut.shape[-1])
    # Finite, so that 0 · log 0 stays 0 on padding.
    return scores.masked_fill(~mask[:, None, None, :], -1e30).log_softmax(-1)
