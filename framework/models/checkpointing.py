"""Gradient checkpointing: layers keep only their inputs for the backward pass, which computes the rest again (Chen et al., arXiv
1604.06174)."""

from typing import TYPE_CHECKING

from distil.framework.errors import ModelError
from distil.framework.models.layers import model_within

if TYPE_CHECKING:
    from torch import nn


def checkpoint_gradients(module: "nn.Module") -> None:
    """Turn it on in the transformers model that `module` is, or has inside. What is computed stays the same, dropout included, and
    on a CPU bit for bit, but where products are rounded by where in memory their factors lie. Raises ModelError for an architecture that
    cannot."""
    _, model = model_within(module, "gradient_checkpointing")
    # transformers 5.23 has renamed it, and warns of the former name.
    enable = getattr(model, "activation_checkpointing_enable", model.gradient_checkpointing_enable)
    try:
        enable({"use_reentrant": False})
    except ValueError:
        raise ModelError(
            f"gradient_checkpointing: a {model.config.model_type} model cannot compute its layers again in the backward pass; drop "
            "gradient_checkpointing, and lower micro_batch where memory is short"
        ) from None
