"""What a task says to a language model, and what it reads from the answers; and what both know of a chat teacher."""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeVar, runtime_checkable

from distil.framework.chat.answers import Answer
from distil.framework.files import Json
from distil.framework.signals.algebra import Signals

Reading = Literal["votes", "likelihood", "first_token", "completions"]
Conversation = Sequence[
    Answer
]  # what a model has said to an example: an answer, or one that is not valid, and a second one
_Example = TypeVar("_Example", contravariant=True)
_Said = TypeVar("_Said")


class ChatTask(Protocol[_Example, _Said]):
    """How examples become questions, and answers become signals.

    longest: tokens of the longest answer, where the recipe does not say; alternatives: whether likelihoods are read from what might
    have been written in each place, too, or from what was written alone.
    """

    @property
    def longest(self) -> int:
        """See above."""

    @property
    def alternatives(self) -> bool:
        """See above."""

    @property
    def instructions(self) -> str:
        """What the system message says."""

    def prompt(self, example: _Example) -> str:
        """What the user's message about an example says, with the names of all `values` in braces."""

    def values(self, example: _Example) -> Mapping[str, str]:
        """An example's texts, by the names that a prompt has for them."""

    @property
    def candidates(self) -> Sequence[str]:
        """Answers of which a model that runs here says how likely each is; () where it has to write them."""

    def right(self, example: _Example) -> str | None:
        """The right answer to a labelled example, as the model should give it; None where it has none."""

    def read(self, example: _Example, conversation: Conversation, reading: Reading) -> _Said | None:
        """What the last answer says; None for one that is not valid."""

    def complaint(self, example: _Example, answer: Answer) -> str:
        """What is said to a model whose answer is not valid."""

    def signals(self, examples: Sequence[_Example], said: Sequence[Sequence[_Said]]) -> Signals:
        """The signals about some examples, from what the valid answers to each say; without any, all that may be is alike."""


@runtime_checkable
class Telling(Protocol):
    """A ChatTask that tells more of what was said than signals do."""

    def predictions(self, examples: Sequence[object], said: Sequence[Sequence[object]]) -> dict[str, object]:
        """Predictions by example id, as predictions.json holds them."""


@runtime_checkable
class Structured(Protocol):
    """A ChatTask whose answers are JSON."""

    @property
    def schema(self) -> Json:
        """The JSON schema of an answer."""
