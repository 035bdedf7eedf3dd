"""Where models keep the projections that give their query, key and value vectors."""

from typing import TYPE_CHECKING, Any

from framework.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor, nn

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


def check_has_vectors(config: Any, whose: str) -> None:
    """Raises ModelError for an architecture whose projections are elsewhere."""
    if config.model_type not in _PLACES:
        raise ModelError(
            f"the {whose} is a {config.model_type} model, and query, key and value vectors are only known of "
            f"{', '.join(_PLACES)}: use one of these, or hidden_mse, which takes any encoder"
        )


def vector_modules(model: Any, layer: int) -> "list[nn.Module]":
    """The projections of a layer, from 0, that give queries, keys and values."""
    return [model.base_model.get_submodule(place.format(layer)) for place in _PLACES[model.config.model_type]]


def split_heads(vectors: "Tensor", heads: int) -> "Tensor":
    """[B, L, D] → float32 [B, heads, L, D / heads]."""
    batch, length, width = vectors.shape
    return vectors.float().view(batch, length, heads, width // heads).transpose(1, 2)
