"""Running a model in such a way that what it computes inside can be looked at."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from framework.errors import ModelError
from framework.losses.attention_vectors import vector_modules
from framework.losses.live import States, Wanted
from framework.models.kind import ModelKind
from framework.models.positions import probe_inputs
from framework.models.tokenizers import takes_token_types
from framework.models.weightless import CannotTell, run_weightless, weightless_model

if TYPE_CHECKING:
    from torch import Tensor

_PROBED = 31  # tokens of the text on which a model is tried: no multiple of anything


def run_with_states(model: Any, inputs: "dict[str, Tensor]", wanted: Wanted) -> tuple[Any, States]:
    """The model's output on inputs [B, L], and what it computed inside. Raises ModelError as check_states does."""
    config = model.config
    options = {"output_hidden_states": True} if wanted.hidden else {}
    with _recorded(model, wanted) as attention:
        output = model(**_suited(config, inputs), **options)
    hidden = _hidden(config, output, inputs["input_ids"].shape[1]) if wanted.hidden else ()
    heads = config.num_attention_heads if wanted.attention else 0
    return output, States(config.num_hidden_layers, heads, hidden, attention)


def check_states(kind: ModelKind, config: Any, wanted: Wanted) -> None:
    """Refuse a model in which what is wanted cannot be looked at, without building it. Raises ModelError."""
    if wanted.hidden:
        inputs = probe_inputs(kind, config, _PROBED)
        try:
            output = run_weightless(weightless_model(kind, config), inputs, output_hidden_states=True)
        except CannotTell:
            return
        _hidden(config, output, _PROBED)


def _hidden(config: Any, output: Any, length: int) -> "tuple[Tensor, ...]":
    """The embeddings' output and each layer's. Raises ModelError for a model that does not give these of every token."""
    states = getattr(output, "hidden_states", None) or ()
    if len(states) != config.num_hidden_layers + 1 or any(state.shape[1] < length for state in states):
        raise ModelError(
            f"a {config.model_type} model does not compute a hidden state of every token after each of its layers (it shortens "
            "texts inside, or has an encoder and a decoder), so that there is nothing to compare token by token; use another "
            "model, or drop the loss"
        )
    return tuple(state[:, :length] for state in states)  # BigBird fills texts up to whole blocks


def _suited(config: Any, inputs: "dict[str, Tensor]") -> "dict[str, Tensor]":
    """The inputs that a model takes: models that share a tokenizer need not share token types."""
    if takes_token_types(config):
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
