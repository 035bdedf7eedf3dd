"""What a task says to a language model, and what it reads from the answers; and what both know of a chat teacher."""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from distil.framework.chat.answers import Answer
from distil.framework.signals.algebra import Signals

Reading = Literal["votes", "likelihood"]
_Example = TypeVar("_Example", contravariant=True)


class ChatTask(Protocol[_Example]):
    """How examples become questions and answers become masses, of K parts an example: [K] of one answer, [E, K] of all."""

    @property
    def instructions(self) -> str:
        """What the system message says."""

    def prompt(self, example: _Example) -> str:
        """What the user's message about an example says, with the names of all `values` in braces."""

    def values(self, example: _Example) -> Mapping[str, str]:
        """An example's texts, by the names that a prompt has for them."""

    def read(self, answer: Answer, reading: Reading) -> NDArray[np.float64] | None:
        """What an answer says, [K]; None for one that is not valid."""

    @property
    def complaint(self) -> str:
        """What is said to a model whose answer is not valid."""

    @property
    def unknown(self) -> NDArray[np.float64]:
        """What is taken of an example without a valid answer: [K], the same for all that may be."""

    def signals(self, examples: Sequence[_Example], masses: NDArray[np.float64]) -> Signals:
        """The signals about some examples, from the mean of each one's answers, [E, K]."""
