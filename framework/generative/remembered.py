"""What a model remembers of prompts that it has read: keys and values, which all that is asked about a prompt share."""

import copy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import Cache


def for_rows(cache: "Cache", rows: "Tensor") -> "Cache":
    """A copy of transformers' cache with the keys and values of some of its rows, each as often as it is there. [rows]"""
    import torch

    values = [value for layer in getattr(cache, "layers", ()) for value in vars(layer).values()]
    # Others are put into the place of these, and nothing is ever written into them.
    kept = {id(value): value for value in values if isinstance(value, torch.Tensor)}
    found = copy.deepcopy(cache, kept)
    found.reorder_cache(rows)
    return found


def for_beams(cache: "Cache", rows: "Tensor", room: int) -> "Cache":
    """The same for beams, of which each is to be one of its own prompt's whenever they are reordered, and which write `room` tokens
    at most."""
    from transformers.cache_utils import DynamicLayer

    from distil.framework.generative.beams import BeamsLayer

    found = for_rows(cache, rows)
    layers = getattr(found, "layers", [])
    layers[:] = [BeamsLayer(layer, room) if type(layer) is DynamicLayer else layer for layer in layers]
    return found
