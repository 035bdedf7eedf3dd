"""Running a model in such a way that what it computes inside can be looked at."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from framework.losses.attention_vectors import vector_modules
from framework.losses.live import States, Wanted

if TYPE_CHECKING:
    from torch import Tensor


def run_with_states(model: Any, inputs: "dict[str, Tensor]", wanted: Wanted) -> tuple[Any, States]:
    """The model's output on inputs [B, L], and what it computed inside."""
    config = model.config
    options = {"output_hidden_states": True} if wanted.hidden else {}
    with _recorded(model, wanted) as attention:
        output = model(**_suited(config, inputs), **options)
    hidden = tuple(output.hidden_states) if wanted.hidden else ()
    return output, States(config.num_hidden_layers, config.num_attention_heads, hidden, attention)


def _suited(config: Any, inputs: "dict[str, Tensor]") -> "dict[str, Tensor]":
    """The inputs that a model takes: models that share a tokenizer need not share token types."""
    if getattr(config, "type_vocab_size", 0) > 1:
        return inputs
    return {name: value for name, value in inputs.items() if name != "token_type_ids"}


@contextmanager
def _recorded(model: Any, wanted: Wanted) -> Iterator[dict[int, Any]]:
    """Query, key and value vectors of the wanted layers, complete when the model has run."""
    outputs: dict[int, list[Any]] = {layer: [] for layer in sorted(wanted.attention)}
    attention: dict[int, Any] = {}
    with ExitStack() as hooks:
        for layer, vectors in outputs.items():
            for module in vector_modules(model, layer):
                handle = module.register_forward_hook(lambda _, __, output, vectors=vectors: vectors.append(output))
                hooks.callback(handle.remove)
        yield attention
    attention.update({layer: tuple(vectors) for layer, vectors in outputs.items()})
