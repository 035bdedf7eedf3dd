"""How models attend: masks, and models that attend in full to texts that are too short for the sparse attention they are configured
for, such as BigBird.

Left alone, such a model chooses by the length to which a text happens to be padded, and never goes back. It is held to one
kind: full attention if windows of full length are too short, else its own one, for which shorter texts are padded.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING, Any

from distil.framework.models.kind import ModelKind
from distil.framework.models.probe import Asked, probe_inputs
from distil.framework.models.weightless import run_weightless, weightless_model

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedConfig, PreTrainedModel

_FIELD = "attention_type"
_ANY = 2  # tokens: no text has fewer
_MOST = 1 << 20  # tokens; no model reads more


@contextmanager
def unread_masks() -> Iterator[None]:
    """Have attention masks made by transformers whatever they hold. It leaves out those that hide nothing, and to find out
    has to wait for the GPU."""
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS as KINDS

    before = {kind: KINDS[kind] for kind in whole_masks()}
    KINDS.update(whole_masks())
    try:
        yield
    finally:
        KINDS.update(before)


@cache
def whole_masks() -> "dict[str, Callable[..., Tensor | None]]":
    """What makes attention masks, by kind of attention, without a look at what they hold."""
    from transformers.masking_utils import eager_mask, sdpa_mask

    return {"sdpa": partial(_whole_mask, sdpa_mask), "eager": partial(_whole_mask, eager_mask)}


def _whole_mask(make: "Callable[..., Tensor | None]", *sizes: int, **given: object) -> "Tensor | None":
    if given.get("attention_mask") is not None:
        given |= {"allow_is_causal_skip": False, "allow_is_bidirectional_skip": False}
    return make(*sizes, **given)


def other_attention(kind: ModelKind, config: "PreTrainedConfig", longest: int) -> str | None:
    """How a model of this configuration attends to texts of `longest` tokens, where that is not how it is configured."""
    if _FIELD not in config.to_json_string(use_diff=False):
        return None
    trial = _Trial.of(kind, config)
    other = trial.taken(longest) if trial is not None else None
    return other if trial is not None and other != trial.own else None


def hold_attention(model: "PreTrainedModel", attention: str) -> None:
    """Let a model attend in this way to all texts, and its configuration say so."""
    module = _choosing(model)
    module.set_attention_type(attention)
    setattr(module.config, _FIELD, attention)


def pad_for_attention(kind: ModelKind, model: "PreTrainedModel") -> None:
    """Let a model pad texts that are too short for the attention that it is configured for."""
    module = _choosing(model)
    if module is not None and (least := _fewest_tokens(Asked(kind, model.config))) > _ANY:
        padding = _Padding(least)
        module.register_forward_pre_hook(padding.before, with_kwargs=True)
        module.register_forward_hook(padding.after)


@lru_cache(maxsize=16)
def _fewest_tokens(asked: Asked) -> int:
    """The fewest tokens to which a model attends as it is configured."""
    trial = _Trial.of(asked.kind, asked.config)
    return _ANY if trial is None else trial.fewest()


def is_padded(model: "PreTrainedModel") -> bool:
    """Whether `pad_for_attention` lets this model pad texts."""
    hooks = (hook for module in model.modules() for hook in module._forward_pre_hooks.values())
    return any(isinstance(getattr(hook, "__self__", None), _Padding) for hook in hooks)


def _choosing(model: "PreTrainedModel") -> Any:
    """The part of a model that chooses how to attend, None if none does."""
    return next((module for module in model.modules() if hasattr(module, "set_attention_type")), None)


@dataclass(frozen=True)
class _Trial:
    """A model without weights that is run to see how it attends; own: as its configuration has it."""

    kind: ModelKind
    model: "PreTrainedModel"
    module: Any
    own: str

    @classmethod
    def of(cls, kind: ModelKind, config: "PreTrainedConfig") -> "_Trial | None":
        """None for a model that does not choose."""
        model = weightless_model(kind, config).eval()
        module = _choosing(model)
        return None if module is None else cls(kind, model, module, module.attention_type)

    def taken(self, length: int) -> str:
        """How it attends to a text of `length` tokens."""
        import torch

        inputs = probe_inputs(self.kind, self.model.config, length)
        with suppress(Exception):  # it has chosen before, whatever it cannot do afterwards
            run_weightless(self.model, inputs)
        found: str = self.module.attention_type
        with torch.device("meta"):
            self.module.set_attention_type(self.own)
        return found

    def fewest(self) -> int:
        """The fewest tokens to which it attends as it is configured, `_ANY` if it always does."""
        less, enough = _ANY - 1, _ANY
        while enough < _MOST and self.taken(enough) != self.own:
            less, enough = enough, 2 * enough
        while enough - less > 1:
            middle = (less + enough) // 2
            less, enough = (less, middle) if self.taken(middle) == self.own else (middle, enough)
        return enough


@dataclass
class _Padding:
    """Hooks around a module that reads token numbers [B, L]: it gets `least` of them, and what it gives is cut to L."""

    least: int
    given: int = 0

    def before(self, module: Any, args: Any, inputs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The inputs, padded."""
        import torch

        ids = inputs.pop("input_ids", None) if not args else args[0]
        mask = inputs.get("attention_mask")
        inputs["attention_mask"] = torch.ones_like(ids) if mask is None else mask
        self.given = ids.shape[1]
        ids = self._filled(ids, module.config.pad_token_id or 0)
        rest = {name: self._filled(value, 0) if _is_of_tokens(value) else value for name, value in inputs.items()}
        return (ids, *args[1:]), rest

    def after(self, module: Any, args: Any, output: Any) -> Any:
        """The output without what was filled up."""
        output.last_hidden_state = output.last_hidden_state[:, : self.given]
        return output

    def _filled(self, tokens: "Tensor", value: int) -> "Tensor":
        from torch.nn.functional import pad

        return pad(tokens, (0, max(0, self.least - self.given)), value=value)


def _is_of_tokens(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor) and value.dim() == 2
