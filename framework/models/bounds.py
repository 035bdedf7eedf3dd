"""What a model may be at most, and the memory that it takes: held against it before anything is built, and while it is."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from typing import TYPE_CHECKING, Any

from distil.framework.errors import ModelError
from distil.framework.models.formats import LEAST_BYTES

if TYPE_CHECKING:
    from torch import nn

_MOST_LAYERS = 1000
_MOST_SIZE = 20_000_000  # positions, or rows of a vocabulary
_WEIGHT = 4  # bytes
_MOST_MODULES = 50_000  # a layer of BERT has 20
_LEAST = -1  # "no limit", or a value that depends on others
_SIZES = re.compile(r"position|size|layer|length|dim|head|hidden|width|depth|block|ctx|window|attention|^n_|^d_|^num_")
_LAYERS = re.compile(r"^(num_|n_)?((hidden|encoder|decoder)_)?layers?$")


class TooLarge(ModelError):
    """A model that no machine, or not this one, can hold."""


def check_sizes(values: Mapping[str, Any], whose: str) -> None:
    """Refuse a configuration with sizes that no model has: great ones would fill the memory while it is read.

    Raises ModelError, of great ones TooLarge.
    """
    for name, value in values.items():
        if isinstance(value, Mapping):
            check_sizes(value, f"{whose}, {name}")
        elif isinstance(value, int) and _SIZES.search(str(name)):
            most = _MOST_LAYERS if "layer" in name else _MOST_SIZE
            if value > most:
                raise TooLarge(f"{whose}: {name} is {value:,}, and no model has more than {most:,}; lower it")
            if value < _LEAST or (value < 1 and _LAYERS.search(str(name))):
                raise ModelError(f"{whose}: {name} is {value:,}; expected 1 at least")


def count_parameters(model: "nn.Module") -> int:
    """Parameters of a model, shared ones once; of those that are packed into fewer numbers, as many as they stand for."""
    return sum(_numbers(parameter) for parameter in model.parameters())


def _numbers(parameter: "nn.Parameter") -> int:
    packed = getattr(parameter, "quant_state", None)  # of bitsandbytes, in 4 bits
    return int(prod(packed.shape)) if packed is not None else int(parameter.numel())


def free_memory() -> int:
    """Bytes that this machine has left for a process, swap space included."""
    import psutil

    return int(psutil.virtual_memory().available + psutil.swap_memory().free)


def check_room(needed: float, whose: str) -> None:
    """Refuse weights of so many bytes where the memory has no room for them, before they fill it. Raises TooLarge."""
    there = free_memory()
    if needed > there:
        raise TooLarge(f"{whose} takes {needed / 1e9:,.1f} GB, and {_free(there)}")


def check_fits(needed: float, whose: str) -> None:
    """Refuse weights of so many bytes that this machine has no memory for, whatever else runs. Raises TooLarge."""
    import psutil

    whole = psutil.virtual_memory().total
    if needed > whole:
        raise TooLarge(
            f"{whose} takes {needed / 1e9:,.1f} GB, and this machine has {whole / 1e9:,.1f} GB of memory; make it smaller, or load it in "
            "fewer bits (`dtype`, `quantization`)"
        )


@contextmanager
def bounded() -> Iterator[None]:
    """Around the building of a model: ends it as soon as it has more parts, or larger ones, than this machine can hold, or
    one without content.

    Raises TooLarge, ModelError.
    """
    import psutil
    from torch.nn.modules.module import (
        register_module_module_registration_hook,
        register_module_parameter_registration_hook,
    )

    whole, there = psutil.virtual_memory().total, free_memory()
    modules, size = 0, 0.0

    def count_module(module: Any, name: str, submodule: Any) -> None:
        nonlocal modules
        modules += 1
        if modules > _MOST_MODULES:
            raise TooLarge(
                f"it would have more than {_MOST_MODULES:,} modules, and none such can be trained; give it fewer layers"
            )

    def count_parameter(module: Any, name: str, parameter: Any) -> None:
        nonlocal size
        if parameter is None:
            return
        if parameter.numel() == 0:
            raise ModelError(
                f"{name} of its {type(module).__name__} would have no numbers at all, {list(parameter.shape)}: a size is 0"
            )
        size += (LEAST_BYTES if parameter.is_meta else _WEIGHT) * parameter.numel()
        if size > whole:
            raise TooLarge(
                f"its weights are more than {size / 1e9:,.1f} GB, and this machine has {whole / 1e9:,.1f} GB of "
                "memory; make it smaller"
            )
        if size > there and not parameter.is_meta:
            raise TooLarge(f"its weights are more than {size / 1e9:,.1f} GB, and {_free(there)}")

    hooks = [
        register_module_module_registration_hook(count_module),
        register_module_parameter_registration_hook(count_parameter),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def training_bytes(parameters: int, precision: str, zero_stage: int, workers: int) -> float:
    """Bytes a worker for weights, gradients and AdamW's two moments; activations come on top.

    16 bytes a parameter in fp32 and tf32, and 2 for a rounded copy of the weights in bf16; 2 + 2 and 12 for the float32 copy and
    moments in fp16, at ZeRO stage 0 as in bf16. Stage 1 shares out the optimizer's part, 2 the gradients, 3 the weights too (Rajbhandari et al.,
    arXiv 1910.02054).
    """
    plain, copied, rounded = (4.0, 4.0, 8.0), (6.0, 4.0, 8.0), (2.0, 2.0, 12.0)
    weights, gradients, optimizer = {
        "fp32": plain,
        "tf32": plain,
        "bf16": copied,
        "fp16": copied if zero_stage == 0 else rounded,
    }[precision]
    shares = (
        weights / (workers if zero_stage >= 3 else 1),
        gradients / (workers if zero_stage >= 2 else 1),
        optimizer / (workers if zero_stage >= 1 else 1),
    )
    return sum(shares) * parameters


def check_room_to_train(model: "nn.Module", precision: str, zero_stage: int, workers: int) -> None:
    """Refuse to train a model, whose weights are loaded, without memory for the rest; a GPU says so by itself.

    Raises ModelError.
    """
    from distil.framework.device import default_device

    parameters = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    needed = training_bytes(parameters, precision, zero_stage, workers) - _WEIGHT * parameters
    there = free_memory()
    if default_device().type == "cpu" and needed > there:
        raise ModelError(
            f"to train {parameters / 1e9:,.2f} billion parameters takes {needed / 1e9:,.1f} GB beside the weights themselves, and "
            f"{_free(there)} (or several, with engine.zero_stage)"
        )


def _free(there: int) -> str:
    return (
        f"{there / 1e9:,.1f} GB of this machine's memory are free; take a smaller model, end other programs, or use a larger "
        "machine"
    )
