"""Where each parameter of a model lies: in which of its layers, whatever its architecture calls them, below them or above."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from distil.framework.errors import ModelError

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedConfig, PreTrainedModel

_DECAY = "layer_decay"
_LEFT_OUT = ("layerdrop", "encoder_layerdrop", "decoder_layerdrop")

Layers = list[list[str]]  # from the lowest to the uppermost: beginnings of the names of each one's parameters


def distances_from_head(module: "nn.Module") -> dict[str, int]:
    """For each parameter, by name, how far below the head of the transformers model in `module` it lies.

    0: the head, and all else that stands above the layers or beside the model; 1 to N: the layers, from the uppermost to the
    lowest, in an encoder and a decoder each for itself; N + 1: embeddings, and what else is below the lowest layer. A matrix that
    embeddings and head share belongs to the embeddings. Raises ModelError for a model whose layers cannot be told.
    """
    prefix, model = model_within(module, _DECAY)
    stacks = _stacks(model, _DECAY)
    within = {
        beginning: len(stack) - number
        for stack in stacks
        for number, beginnings in enumerate(stack)
        for beginning in beginnings
    }
    lowest = max(len(stack) for stack in stacks) + 1
    embeddings = tuple(f"{name}." for name, part in model.named_modules() if _embeds(part))
    # Beside the body stands the head, in some architectures before it.
    body = next(f"{name}." if name else "" for name, part in model.named_modules() if part is model.base_model)
    distances: dict[str, int] = {}
    below = True  # parts of a body come in the order in which they compute
    for name, _ in model.named_parameters():
        distance = next((found for beginning, found in within.items() if name.startswith(beginning)), None)
        below = below and distance is None
        if distance is None:
            embeds = below or "emb" in name or name.startswith(embeddings)
            distance = lowest if name.startswith(body) and embeds else 0
        distances[f"{prefix}{name}"] = distance
    return {name: distances.get(name, 0) for name, _ in module.named_parameters()}


def layers_of(model: "PreTrainedModel", wanted_for: str) -> "list[nn.Module]":
    """The modules that make up the layers of a model, or of its encoder and its decoder, in order. wanted_for: see model_within; ModelError, too,
    where the layers cannot be told."""
    stacks = _stacks(model, wanted_for)
    return [model.get_submodule(name.removesuffix(".")) for stack in stacks for layer in stack for name in layer]


def leaves_out_layers(config: "PreTrainedConfig") -> bool:
    """Whether a model of this configuration leaves out layers at random while it is trained."""
    return any(getattr(config, name, 0) for name in _LEFT_OUT)


def model_within(module: "nn.Module", wanted_for: str) -> tuple[str, "PreTrainedModel"]:
    """What the names of its parameters begin with, and the transformers model that `module` is, or has inside. wanted_for: the option
    that ModelError names where there is none."""
    from transformers import PreTrainedModel

    for name, part in module.named_modules():
        if isinstance(part, PreTrainedModel):
            return f"{name}." if name else "", part
    raise ModelError(f"{wanted_for} is for models of transformers, and this is none: drop it")


def _embeds(part: "nn.Module") -> bool:
    from torch import nn

    return isinstance(part, nn.Embedding)


def _stacks(model: "PreTrainedModel", wanted_for: str) -> list[Layers]:
    """The model's layers: one stack, or an encoder's and a decoder's. Raises ModelError where there is none of the length that its
    configuration says."""
    config, lists = model.config, list(_lists(model))
    if not config.is_encoder_decoder:
        return [_stack(config, lists, _count(config, ("num_hidden_layers",)), wanted_for)]
    decoding = [found for found in lists if "decoder" in found[0].split(".")]
    encoding = [found for found in lists if found not in decoding]
    count = _count(config, ("encoder_layers", "num_hidden_layers", "encoder"))
    stacks = [_stack(config, encoding, count, wanted_for)]
    if decoding:  # some heads stand on the encoder alone
        count = _count(config, ("decoder_layers", "num_decoder_layers", "decoder", "num_hidden_layers"))
        stacks.append(_stack(config, decoding, count, wanted_for))
    return stacks


def _count(config: "PreTrainedConfig", names: Sequence[str]) -> int:
    """The number of layers by the first of these fields that there is; a field may be a configuration of its own."""
    for name in names:
        found: object = getattr(config, name, None)
        found = getattr(found, "num_hidden_layers", found)
        if isinstance(found, int):
            return found
    return 0


def _stack(config: "PreTrainedConfig", lists: Sequence[tuple[str, list[str]]], count: int, wanted_for: str) -> Layers:
    """Of several lists of this length (of attentions and of what follows them, say) one item each makes a layer."""
    found = [items for _, items in lists if len(items) == count]
    if not found or not count:
        raise ModelError(
            f"{wanted_for}: cannot tell the layers of a {config.model_type} model: its configuration says {count}, and it has no list of "
            f"so many (layers may share their weights); drop {wanted_for}, or use another model"
        )
    return [list(beginnings) for beginnings in zip(*found, strict=True)]


def _lists(model: "PreTrainedModel") -> Iterator[tuple[str, list[str]]]:
    """The model's lists of modules that are in no other list, by name, with what the names of each item's parameters begin with;
    of a list of lists (blocks of layers), the inner items."""
    from torch import nn

    seen: tuple[str, ...] = ()
    for name, part in model.named_modules():
        if not isinstance(part, nn.ModuleList) or (seen and name.startswith(seen)):
            continue
        seen = (*seen, f"{name}.")
        blocks = [inner for inner in part if isinstance(inner, nn.ModuleList)]
        if blocks and len(blocks) == len(part):
            yield name, [f"{name}.{i}.{j}." for i, block in enumerate(blocks) for j in range(len(block))]
        else:
            yield name, [f"{name}.{number}." for number in range(len(part))]
