"""Keys and values of beams: those of a prompt, which its beams have in common, and those of what each has written."""

from typing import TYPE_CHECKING

from transformers.cache_utils import DynamicLayer

if TYPE_CHECKING:
    from torch import Tensor


class BeamsLayer(DynamicLayer):  # type: ignore[misc]
    """A layer of transformers' cache with room for what is to come, so that nothing is copied whenever beams go on or change places."""

    def __init__(self, prompts: DynamicLayer, room: int) -> None:
        """prompts: keys and values of each beam's prompt; room: tokens that are written at most."""
        super().__init__()
        self.dtype, self.device, self.is_initialized = prompts.keys.dtype, prompts.keys.device, True
        self._shared = prompts.keys.shape[-2]
        self._room = tuple(_with_room(values, room) for values in (prompts.keys, prompts.values))
        self._use(self._shared)

    def update(
        self, key_states: "Tensor", value_states: "Tensor", *args: object, **named: object
    ) -> "tuple[Tensor, Tensor]":
        """Those of some more tokens: all of them, those included."""
        begin = self.keys.shape[-2]
        end = begin + key_states.shape[-2]
        for values, states in zip(self._room, (key_states, value_states), strict=True):
            values[..., begin:end, :] = states
        self._use(end)
        return self.keys, self.values

    def reorder_cache(self, beam_idx: "Tensor") -> None:
        """Let beams go on from others of the same prompt."""
        for values in (self.keys, self.values):
            own = values[..., self._shared :, :]
            own.copy_(own.index_select(0, beam_idx))

    def _use(self, length: int) -> None:
        self.keys, self.values = (values[..., :length, :] for values in self._room)


def _with_room(values: "Tensor", room: int) -> "Tensor":
    *shape, length, width = values.shape
    found = values.new_empty(*shape, length + room, width)
    found[..., :length, :] = values
    return found
