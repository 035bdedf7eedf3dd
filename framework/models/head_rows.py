"""Models that compute what they say of the next token at some of their tokens only: over a large vocabulary that is most of their memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from distil.framework.models.layers import model_within

if TYPE_CHECKING:
    from torch import Tensor, nn


@contextmanager
def logits_at(module: "nn.Module", tokens: "Tensor") -> Iterator[None]:
    """Within it, what the transformers model in `module` gives for a batch of B rows of L tokens are logits [1, M, V] instead of [B, L, V],
    at `tokens`, int64 [M], of the B · L, and nothing that it would remember of the batch.

    An architecture without a module for its head goes on giving all of them, see `taken_at`, as does what is no module, such as an ONNX file.
    """
    from torch import nn

    if not isinstance(module, nn.Module):
        yield
        return
    _, model = model_within(module, "text")
    head = model.get_output_embeddings()

    def select(_: "nn.Module", given: "tuple[Tensor, ...]") -> "tuple[Tensor, ...]":
        return given[0].flatten(0, -2).index_select(0, tokens).unsqueeze(0), *given[1:]

    hook = head.register_forward_pre_hook(select) if head is not None else None
    remembers = getattr(model.config, "use_cache", None)
    try:
        if remembers is not None:
            model.config.use_cache = False
        yield
    finally:
        if remembers is not None:
            model.config.use_cache = remembers
        if hook is not None:
            hook.remove()


def taken_at(logits: "Tensor", tokens: "Tensor") -> "Tensor":
    """The logits [M, V] at `tokens` of those that a model gave within `logits_at`: these, or all, as every row begins with a token that is
    none of them."""
    flat = logits.flatten(0, 1)
    return flat if len(flat) == len(tokens) else flat.index_select(0, tokens)
