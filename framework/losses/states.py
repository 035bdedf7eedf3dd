"""Losses on hidden states and on attention, the student's against those of a live teacher."""

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from distil.framework.config import Layer, Section
from distil.framework.errors import ModelError
from distil.framework.losses.base import Weight
from distil.framework.losses.live import (
    LayerMap,
    LiveTeacherName,
    States,
    Wanted,
    layer_number,
    layer_pairs,
    token_mean,
)

if TYPE_CHECKING:
    from torch import Tensor, nn
    from transformers import PreTrainedConfig, PreTrainedModel

# Where models keep the projections that give their query, key and value vectors.
_BERT = [f"encoder.layer.{{}}.attention.self.{name}" for name in ("query", "key", "value")]
_DISTILBERT = [f"transformer.layer.{{}}.attention.{name}" for name in ("q_lin", "k_lin", "v_lin")]
_PLACES = {
    "bert": _BERT,
    "roberta": _BERT,
    "xlm-roberta": _BERT,
    "camembert": _BERT,
    "electra": _BERT,
    "distilbert": _DISTILBERT,
}


class HiddenMSE(Section):
    """Mean over layers, tokens and width of (W · student's state - teacher's state)², W learnt without a bias.

    As in TinyBERT one W serves all layers and another one the embeddings (Romero et al., arXiv 1412.6550; Jiao et al., arXiv
    1909.10351).
    """

    kind: Literal["hidden_mse"] = "hidden_mse"
    weight: Weight = 1.0
    teacher: LiveTeacherName = None
    layers: LayerMap = None
    embeddings: bool = Field(default=False, description="Whether the embeddings' outputs are compared too.")
    projection: Literal["auto", "learned"] = Field(
        default="auto",
        description="auto: W is learnt where the widths differ, else left out; learned: always, as TinyBERT.",
    )
    source: ClassVar[Literal["live"]] = "live"

    def wants(self, student: "PreTrainedConfig", teacher: "PreTrainedConfig") -> tuple[Wanted, Wanted]:
        """See LiveLoss."""
        layer_pairs(self.layers, student.num_hidden_layers, teacher.num_hidden_layers)
        return Wanted(hidden=True), Wanted(hidden=True)

    def new_projection(self, student: "PreTrainedConfig", teacher: "PreTrainedConfig") -> "nn.Module | None":
        """See LiveLoss."""
        from torch import nn

        if self.projection == "auto" and student.hidden_size == teacher.hidden_size:
            return None
        names = ["layers", "embeddings"] if self.embeddings else ["layers"]
        return nn.ModuleDict({name: nn.Linear(student.hidden_size, teacher.hidden_size, bias=False) for name in names})

    def __call__(self, student: States, teacher: States, mask: "Tensor", projection: Any) -> "Tensor":
        import torch

        pairs = layer_pairs(self.layers, student.layers, teacher.layers)
        compared = [("layers", student.hidden[own + 1], teacher.hidden[other + 1]) for own, other in pairs]
        if self.embeddings:
            compared.append(("embeddings", student.hidden[0], teacher.hidden[0]))
        errors = []
        for name, own, other in compared:
            moved = own if projection is None else projection[name](own)
            errors.append(token_mean(((moved.float() - other.float()) ** 2).mean(-1), mask))
        return torch.stack(errors).mean(0)


class AttentionMSE(Section):
    """Mean over layers, heads and pairs of tokens of the squared difference of the scores Q·Kᵀ/√d.

    These are the scores before softmax, which TinyBERT (Jiao et al., arXiv 1909.10351) found to work better than the
    probabilities.
    """

    kind: Literal["attention_mse"] = "attention_mse"
    weight: Weight = 1.0
    teacher: LiveTeacherName = None
    layers: LayerMap = None
    source: ClassVar[Literal["live"]] = "live"

    def wants(self, student: "PreTrainedConfig", teacher: "PreTrainedConfig") -> tuple[Wanted, Wanted]:
        """See LiveLoss."""
        _check_have_vectors(student, teacher)
        if student.num_attention_heads != teacher.num_attention_heads:
            raise ModelError(
                f"the student has {student.num_attention_heads} attention heads and the teacher "
                f"{teacher.num_attention_heads}, which are compared one by one: give the student as many, or use "
                "minilm_relations"
            )
        pairs = layer_pairs(self.layers, student.num_hidden_layers, teacher.num_hidden_layers)
        own, other = zip(*pairs, strict=True)
        return Wanted(attention=frozenset(own)), Wanted(attention=frozenset(other))

    def new_projection(self, student: "PreTrainedConfig", teacher: "PreTrainedConfig") -> None:
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


class MiniLMRelations(Section):
    """KL(teacher ‖ student) between softmax(A·Aᵀ/√d) for A = queries, keys, values of one layer each; mean of the three.

    The vectors of all heads are put side by side and cut into `relation_heads` anew, so that models of unlike widths and
    heads can be compared. The student's layer is its last. MiniLMv2's multi-head self-attention relations (Wang et al., arXiv
    2012.15828; after MiniLM, arXiv 2002.10957).
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

    def wants(self, student: "PreTrainedConfig", teacher: "PreTrainedConfig") -> tuple[Wanted, Wanted]:
        """See LiveLoss."""
        _check_have_vectors(student, teacher)
        heads = self.relation_heads or int(teacher.num_attention_heads)
        for whose, config in (("student", student), ("teacher", teacher)):
            if config.hidden_size % heads:
                raise ModelError(
                    f"the {whose}'s width {config.hidden_size} cannot be cut into {heads} relation heads; set relation_heads "
                    f"to a number that divides {student.hidden_size} and {teacher.hidden_size}"
                )
        layer = layer_number(self.teacher_layer, teacher.num_hidden_layers, "teacher")
        return Wanted(attention=frozenset({student.num_hidden_layers - 1})), Wanted(attention=frozenset({layer}))

    def new_projection(self, student: "PreTrainedConfig", teacher: "PreTrainedConfig") -> None:
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


def _check_have_vectors(student: "PreTrainedConfig", teacher: "PreTrainedConfig") -> None:
    """Raises ModelError for a configuration of an architecture whose projections are elsewhere."""
    for whose, config in (("student", student), ("teacher", teacher)):
        if config.model_type not in _PLACES:
            raise ModelError(
                f"the {whose} is a {config.model_type} model, and query, key and value vectors are only known of "
                f"{', '.join(_PLACES)}: use one of these, or hidden_mse, which takes any encoder"
            )


def vector_modules(model: "PreTrainedModel", layer: int) -> "list[nn.Module]":
    """The projections of a layer, from 0, that give queries, keys and values."""
    return [model.base_model.get_submodule(place.format(layer)) for place in _PLACES[model.config.model_type]]


def split_heads(vectors: "Tensor", heads: int) -> "Tensor":
    """[B, L, D] → float32 [B, heads, L, D / heads]."""
    batch, length, width = vectors.shape
    return vectors.float().view(batch, length, heads, width // heads).transpose(1, 2)
