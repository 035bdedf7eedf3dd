"""Batches of which a model's layers see the texts alone, and not what fills these up (Zhai et al., arXiv 2210.03052).

Embeddings, heads and losses see a batch as ever, [B, L]. Before the first layer the hidden states of T of its tokens are put together,
[1, T, D], and after the last one they are put back, with zeros elsewhere. Between the two only attention itself, which has no weights, is
computed over [B, L], so that the model's own masks, windows, biases and dropout hold there.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

import numpy as np

from distil.framework.device import device_kind
from distil.framework.errors import ModelError, first_line
from distil.framework.models.layers import layers_of, leaves_out_layers, model_within

if TYPE_CHECKING:
    from torch import Tensor, nn
    from transformers import PreTrainedModel

PLACES: Final = "places"  # what a packed model is given beside its other inputs
_ATTENTION = "packed"
_STEP = 32  # on a GPU the tokens of a batch are a multiple of it, which suits matrix products
_LENGTHS = (5, 9, 3)  # of the texts that a model is tried on


def with_places(inputs: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """The inputs of a batch, with attention_mask [B, L], and `places`: int64 [T], which of its B · L tokens go through the layers. They are
    those of the texts; on a GPU some that fill these up make T a round number. Raises ModelError for inputs of which texts cannot be told."""
    import torch

    if "attention_mask" not in inputs or "input_ids" not in inputs:
        raise ModelError(
            f"packing: a task gives its model {', '.join(inputs)}, and it takes input_ids and attention_mask to tell its texts; drop packing"
        )
    inside = inputs["attention_mask"].numpy().astype(bool).flatten()
    if device_kind() != "cpu":
        filling = np.flatnonzero(~inside)
        inside[filling[: -int(inside.sum()) % _STEP]] = True
    return {**inputs, PLACES: torch.from_numpy(np.flatnonzero(inside))}


def pack(module: "nn.Module") -> None:
    """Let the layers of the transformers model in `module` compute with the tokens alone that `places` names among its inputs, wherever it
    is run with them. The model is tried first, on texts of unlike lengths.

    Raises ModelError for an architecture whose layers cannot be told, attend in a way of their own, or look at more than one token elsewhere
    than in attention.
    """
    _, model = model_within(module, "packing")
    layers = packed_layers(model)
    _register()
    model.set_attn_implementation(_ATTENTION)
    packing = _Packing()
    model.register_forward_pre_hook(packing.begin, with_kwargs=True)
    for number, layer in enumerate(layers):
        names = list(inspect.signature(layer.forward).parameters)
        layer.register_forward_pre_hook(_Given(packing, names, number == 0), with_kwargs=True)
        for part in layer.modules():
            _OF[part] = packing
    layers[-1].register_forward_hook(packing.end)
    _try(model, layers[-1])
    if not packing.ended:
        raise _refusal(model, "they are not computed one after another")


def packed_layers(model: "PreTrainedModel") -> "list[nn.Module]":
    """The layers that `pack` would have compute with fewer tokens, from the lowest on. Raises ModelError as far as no trial is needed."""
    config = model.config
    if config.is_encoder_decoder:
        raise _refusal(model, "it has an encoder and a decoder")
    if leaves_out_layers(config):
        raise _refusal(model, "it leaves out layers at random")
    if config._attn_implementation not in ("sdpa", _ATTENTION):
        raise _refusal(model, "it does not attend by PyTorch's scaled_dot_product_attention")
    return layers_of(model, "packing")


def _refusal(model: "PreTrainedModel", why: str) -> ModelError:
    return ModelError(
        f"packing: the layers of a {model.config.model_type} model cannot compute with the texts of a batch alone: {why}; drop packing"
    )


@dataclass
class _Packing:
    """What a model's hooks know of the batch that it computes with, until it is given another: layers may be computed again in the backward
    pass. places: None for a batch that goes through whole; rows, length: B and L; given: what layers were given beside hidden states, by
    its number as an object, with it, and with what they get instead; ended: whether the last layer was reached."""

    places: "Tensor | None" = None
    rows: int = 0
    length: int = 0
    given: dict[int, tuple[object, object]] = field(default_factory=dict)
    ended: bool = False

    def begin(
        self, model: "nn.Module", args: tuple[object, ...], named: "dict[str, Tensor]"
    ) -> "tuple[tuple[object, ...], dict[str, Tensor]]":
        """Before the model: take its places."""
        self.places = named.pop(PLACES, None)
        self.given, self.ended = {}, False
        if self.places is not None:
            self.rows, self.length = named["input_ids"].shape
        return args, named

    def end(self, layer: "nn.Module", args: object, output: "Tensor | tuple[Tensor, ...]") -> object:
        """After the last layer: hidden states [1, T, D] become [B, L, D]."""
        if self.places is None:
            return output
        self.ended = True
        if isinstance(output, tuple):
            return self.unpacked(output[0][0]), *output[1:]
        return self.unpacked(output[0])

    def unpacked(self, tokens: "Tensor") -> "Tensor":
        """[T, …] → [B, L, …], 0 where no token was."""
        assert self.places is not None
        whole = tokens.new_zeros(self.rows * self.length, *tokens.shape[1:]).index_copy_(0, self.places, tokens)
        return whole.view(self.rows, self.length, *tokens.shape[1:])

    def packed(self, whole: "Tensor") -> "Tensor":
        """[B, L, …], or [1, L, …] that all rows share, → [1, T, …]."""
        assert self.places is not None
        places = self.places if len(whole) == self.rows else self.places % self.length
        return whole.flatten(0, 1).index_select(0, places).unsqueeze(0)

    def instead(self, value: object) -> object:
        """What a layer is given beside hidden states, packed where it is of tokens, as position numbers and rotations are."""
        key = id(value)
        if key not in self.given:
            self.given[key] = value, self._instead(value)
        return self.given[key][1]

    def _instead(self, value: object) -> object:
        import torch

        if isinstance(value, tuple | list):
            return tuple(map(self._instead, value))
        if not isinstance(value, torch.Tensor) or value.dim() not in (2, 3):
            return value
        return self.packed(value) if value.shape[1] == self.length and len(value) in (1, self.rows) else value


@dataclass(frozen=True)
class _Given:
    """A hook before a layer, which is given hidden states first. names: of all that it is given in turn; first: whether it is the lowest."""

    packing: _Packing
    names: Sequence[str]
    first: bool

    def __call__(
        self, layer: "nn.Module", args: tuple[object, ...], named: dict[str, object]
    ) -> tuple[tuple[object, ...], dict[str, object]]:
        if self.packing.places is None:
            return args, named
        given = {
            name: self._instead(name, value)
            for name, value in chain(zip(self.names, args, strict=False), named.items())
        }
        return tuple(given[name] for name in self.names[: len(args)]), {name: given[name] for name in named}

    def _instead(self, name: str, value: object) -> object:
        import torch

        if name == self.names[0]:
            return self.packing.packed(value) if self.first and isinstance(value, torch.Tensor) else value
        return value if "mask" in name else self.packing.instead(value)


_OF: "WeakKeyDictionary[nn.Module, _Packing]" = WeakKeyDictionary()  # of the modules within packed layers


def _register() -> None:
    """Tell transformers of the attention of packed models."""
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    from distil.framework.models.attention import whole_masks

    ALL_ATTENTION_FUNCTIONS.register(_ATTENTION, _attend)
    ALL_MASK_ATTENTION_FUNCTIONS.register(_ATTENTION, whole_masks()["sdpa"])


def _attend(
    module: "nn.Module",
    query: "Tensor",
    key: "Tensor",
    value: "Tensor",
    attention_mask: "Tensor | None",
    **options: object,
) -> "tuple[Tensor, Tensor | None]":
    """Query, key and value [1, H, T, d] → [1, T, H, d], by the usual attention on [B, H, L, d]."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    packing = _OF.get(module)  # None of another model with the same configuration
    if packing is None or packing.places is None:
        output, weights = sdpa_attention_forward(module, query, key, value, attention_mask, **options)
        return output, weights
    whole = (packing.unpacked(one[0].transpose(0, 1)).transpose(1, 2) for one in (query, key, value))
    output, weights = sdpa_attention_forward(module, *whole, attention_mask, **options)
    return packing.packed(output), weights


def _try(model: "PreTrainedModel", last: "nn.Module") -> None:
    """Raise ModelError if a model says something else of texts that are packed than of the same as a batch."""
    import torch

    from distil.framework.generative.causal import rounding

    inputs = _texts(model)
    inside = inputs["attention_mask"].bool()
    was_training = model.training
    found: list[list[Tensor]] = []
    try:
        with torch.no_grad():
            for given in (inputs, {**inputs, PLACES: inside.flatten().nonzero().flatten()}):
                found.append(_said(model.eval(), last, given, inside))
    except Exception as error:  # whatever its code raises
        raise _refusal(model, first_line(error)) from None
    finally:
        model.train(was_training)
    alike = len(found[0]) == len(found[1]) and all(
        bool((one - other).abs().max() <= rounding(model) * one.abs().max()) for one, other in zip(*found, strict=True)
    )
    if not alike:
        raise _refusal(model, "what it says of a text then depends on the others")


def _said(model: "PreTrainedModel", last: "nn.Module", inputs: "dict[str, Tensor]", inside: "Tensor") -> "list[Tensor]":
    """What a model's last layer and the model itself say of texts, in float32."""
    import torch

    said: list[Tensor] = []
    hook = last.register_forward_hook(
        lambda _, __, output: said.append(output[0] if isinstance(output, tuple) else output)
    )
    try:
        said += [one for one in model(**inputs).values() if isinstance(one, torch.Tensor)]
    finally:
        hook.remove()
    return [(one[inside] if one.shape[:2] == inside.shape else one).float() for one in said]


def _texts(model: "PreTrainedModel") -> "dict[str, Tensor]":
    """Texts of unlike lengths, of tokens that mean nothing in particular, filled up."""
    import torch

    config = model.config.get_text_config()
    pad = getattr(config, "pad_token_id", None) or 0
    taken = {getattr(config, f"{name}_token_id", None) for name in ("pad", "sep", "eos", "bos", "cls", "mask")} | {pad}
    words = [number for number in range(min(config.vocab_size, 64)) if number not in taken]
    inside = torch.arange(max(_LENGTHS) + 1) < torch.tensor(_LENGTHS)[:, None]
    ids = torch.tensor(words)[torch.arange(inside.numel()) % len(words)].view(inside.shape)
    inputs = {"input_ids": ids.masked_fill(~inside, pad), "attention_mask": inside.long()}
    return {name: value.to(model.device) for name, value in inputs.items()}
