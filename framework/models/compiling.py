"""Layers that torch.compile makes into kernels of their own."""

from typing import TYPE_CHECKING

from distil.framework.device import default_device
from distil.framework.errors import RecipeError, first_line
from distil.framework.models.layers import layers_of, model_within

if TYPE_CHECKING:
    from torch import nn


OPTION = "engine.compile"


def compile_layers(module: "nn.Module") -> None:
    """Have each layer of the transformers model that `module` is, or has inside, compiled when it is first run, for texts of any length.

    Layers are alike, so that one is compiled and serves them all; a whole model would take many times as long. What is computed is rounded otherwise,
    and other units are dropped out. Raises RecipeError where nothing can be compiled, ModelError for a model whose layers cannot be told.
    """
    _, model = model_within(module, OPTION)
    layers = layers_of(model, OPTION)
    _check_compiler()
    for layer in layers:
        layer.compile(dynamic=True)


def _check_compiler() -> None:
    import torch

    def grown(values: "torch.Tensor") -> "torch.Tensor":
        return values.sin() + 1

    try:
        torch.compile(grown)(torch.ones(2, device=default_device()))
    except Exception as error:  # whatever a compiler that is missing or broken leads to
        raise RecipeError(
            f"{OPTION}: torch.compile cannot compile here: {first_line(error)}; install a C++ compiler (g++) and, for a GPU, Triton, which comes "
            f"with PyTorch for it, or drop {OPTION}"
        ) from None
