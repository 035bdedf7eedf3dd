"""What a model may be at most: configurations are held against it before anything is built, and models while they are."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from framework.errors import ModelError

_MOST_LAYERS = 1000
_MOST_SIZE = 20_000_000  # positions, or rows of a vocabulary
_MOST_MODULES = 50_000  # a layer of BERT has 20
_SIZES = re.compile(r"position|size|layer|length|dim|head|hidden|width|depth|block|ctx|^n_|^d_|^num_")


class TooLarge(ModelError):
    """A model that no machine, or not this one, can hold."""


def check_sizes(values: Mapping[str, Any], whose: str) -> None:
    """Refuse a configuration with sizes that no model has: they would fill the memory while it is read. Raises TooLarge."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            check_sizes(value, f"{whose}, {name}")
        elif isinstance(value, int) and _SIZES.search(str(name)):
            most = _MOST_LAYERS if "layer" in name else _MOST_SIZE
            if value > most:
                raise TooLarge(f"{whose}: {name} is {value:,}, and no model has more than {most:,}; lower it")


@contextmanager
def bounded() -> Iterator[None]:
    """Around the building of a model: ends it as soon as it has more parts, or larger ones, than this machine can hold.

    Raises TooLarge.
    """
    import psutil
    from torch.nn.modules.module import (
        register_module_module_registration_hook,
        register_module_parameter_registration_hook,
    )

    memory = psutil.virtual_memory().total
    modules, size = 0, 0

    def count_module(module: Any, name: str, submodule: Any) -> None:
        nonlocal modules
        modules += 1
        if modules > _MOST_MODULES:
            raise TooLarge(
                f"a model of more than {_MOST_MODULES:,} modules is none that can be trained; give it fewer layers"
            )

    def count_parameter(module: Any, name: str, parameter: Any) -> None:
        nonlocal size
        size += 4 * parameter.numel() if parameter is not None else 0
        if size > memory:
            raise TooLarge(
                f"the model's weights are more than {size / 1e9:,.1f} GB in float32, and this machine has {memory / 1e9:,.1f} GB of "
                "memory; make it smaller"
            )

    hooks = [
        register_module_module_registration_hook(count_module),
        register_module_parameter_registration_hook(count_parameter),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
