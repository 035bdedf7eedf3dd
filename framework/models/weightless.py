"""Models without weights: large tensors of floating-point numbers have a shape and no content, so that a model of any size
can be built and run in a moment. Whole numbers, such as tokens and positions, are computed as ever.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from distil.framework.models.kind import ModelKind, from_config

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

_SMALL = 4096  # numbers; constants and masks are that small and, like whole numbers, may decide what is computed
_META, _CPU = torch.device("meta"), torch.device("cpu")


class CannotTell(Exception):
    """Some models look at what they compute, and cannot run without weights."""


def weightless_model(kind: ModelKind, config: "PreTrainedConfig") -> "PreTrainedModel":
    """A model of this configuration. Raises ModelError if there is no such model."""
    with _weightless(largest=0):  # weights of any size: what is made of them is of one kind then
        return from_config(kind, config)


def run_weightless(model: "PreTrainedModel", inputs: Mapping[str, torch.Tensor], **options: Any) -> Any:
    """The model's output, with tensors of the right shapes.

    Raises CannotTell, or what the model raises for inputs that it does not take.
    """
    with _weightless(_SMALL), torch.no_grad():
        try:
            return model(**inputs, **options)
        except NotImplementedError as error:
            raise CannotTell(str(error)) from None
        except RuntimeError as error:
            if "meta" in str(error) or "BF16" in str(error):  # no content; a product that only exists for real
                raise CannotTell(str(error)) from None
            raise


@contextmanager
def _weightless(largest: int) -> Iterator[None]:
    """largest: so many floating-point numbers, made of nothing, still have content."""
    with torch.random.fork_rng(devices=[]), _Weightless(largest):
        yield


class _Weightless(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self, largest: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._largest = largest

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = dict(kwargs or {})
        tensors = [value for value in tree_leaves((args, options)) if isinstance(value, torch.Tensor)]
        if any(tensor.is_meta for tensor in tensors):
            _check_look_up(func, args)
            args, options = tree_map(_without_content, (_with_numbers(func, args), options))
            return func(*args, **_placed(options, _META))
        large = not tensors and _floats(args, options) > self._largest
        if large and any(argument.name == "device" for argument in func._schema.arguments):
            return func(*args, **{**options, "device": _META})
        return func(*args, **_placed(options, _CPU))


def _floats(args: Any, options: Mapping[str, Any]) -> int:
    """How many floating-point numbers an operation of these arguments makes of nothing."""
    size = args[0] if args and isinstance(args[0], list | tuple) else ()
    dtype = options.get("dtype") or torch.get_default_dtype()
    return prod(size) if size and (dtype.is_floating_point or dtype.is_complex) else 0


def _placed(options: dict[str, Any], device: torch.device) -> dict[str, Any]:
    return {**options, "device": device} if options.get("device") is not None else options


def _without_content(value: Any) -> Any:
    return value.to(_META) if isinstance(value, torch.Tensor) else value


def _with_numbers(func: Any, args: Any) -> Any:
    """The arguments with numbers of rows in the place of truth values that select them, whose count only content tells."""
    if func is not torch.ops.aten.index.Tensor:
        return args
    indices: list[Any] = []
    for index in args[1]:
        chosen = index is not None and index.dtype == torch.bool and not index.is_meta
        indices.extend(index.nonzero(as_tuple=True) if chosen else [index])
    return args[0], indices


def _check_look_up(func: Any, args: Any) -> None:
    """Raise IndexError where a row is looked up that a table does not have, which goes unnoticed without content."""
    if func is torch.ops.aten.embedding.default:
        looked_up = [(args[0], 0, args[1])]
    elif func is torch.ops.aten.gather.default:
        looked_up = [(args[0], args[1], args[2])]
    elif func is torch.ops.aten.index.Tensor:
        looked_up = [(args[0], place, index) for place, index in enumerate(args[1]) if index is not None]
    else:
        return
    for table, dimension, index in looked_up:
        if not index.is_meta and index.dtype != torch.bool and index.numel():
            rows = table.shape[dimension]
            if int(index.max()) >= rows or int(index.min()) < -rows:
                raise IndexError(f"row {int(index.max())} of a table of {rows}")
