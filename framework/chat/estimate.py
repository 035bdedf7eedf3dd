"""What answers will take that are not there yet, before anything is sent. Without the server's tokenizer tokens are reckoned from
letters, and corrected by what the server has counted in answers of before."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

from distil.framework.chat.answers import Answer, Usage
from distil.framework.chat.asking import ChatAsker
from distil.framework.chat.messages import Request
from distil.framework.chat.scoring import Scoring
from distil.framework.data.example import Example
from distil.framework.files import Json

# Letters that a token stands for. Of Latin ones 4.1 in SmolLM2's tokens and 3.6 in XLM-R's, of Cyrillic ones 1.4, where a tokenizer has
# learnt no Russian, and 3.6; of Chinese and others that write words as one or two letters, one.
_LATIN, _OTHER, _DENSE = 4.0, 2.0, 1.0
_FIRST_OTHER, _FIRST_DENSE = "\u0250", "\u2e80"
_FRAME = 4  # tokens that a template puts around a message, and before an answer, about
_ENOUGH = 4  # answers by which tokens are corrected

_Sent = TypeVar("_Sent", bound=Request | Scoring)
Kept = Callable[[_Sent, int], Answer | None]


@dataclass(frozen=True)
class Estimate:
    """wanted: what is to come, about; at_most: with answers as long as they may be; by: how many answers of before tell what a token
    is, 0: none does."""

    wanted: Usage
    at_most: Usage
    by: int

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(self.wanted + other.wanted, self.at_most + other.at_most, min(self.by, other.by))


@runtime_checkable
class Paid(Protocol):
    """A Predictor whose answers are paid for."""

    @property
    def asker(self) -> ChatAsker:
        """Who has its answers, and asks for the others."""

    def estimate(self, taught: Sequence[Example], measured: Sequence[Example] = ()) -> Estimate:
        """What answers will take that are not there yet, those of which signals about `taught` are made and those by which it is
        `measured`; nothing is asked."""

    def usage(self, examples: Sequence[Example]) -> Json:
        """What its answers about some examples took, which it has given."""


@runtime_checkable
class PaidWriter(Protocol):
    """A Paid that completes prompts, too."""

    def estimate_written(self, examples: Sequence[Example], samples: int, temperature: float) -> Estimate:
        """What so many completions of each prompt will take that are not there yet; nothing is asked."""


def estimate(requests: Sequence[_Sent], samples: int, kept: Kept[_Sent]) -> Estimate:
    """Of so many samples of each of distinct requests. kept: the answers that are there.

    An answer that is not valid is asked for once more, which nobody knows before.
    """
    missing: list[tuple[_Sent, int]] = []
    seen: list[tuple[_Sent, list[Answer]]] = []
    for request in requests:
        found = [answer for sample in range(samples) if (answer := kept(request, sample)) is not None]
        if found:
            seen.append((request, found))
        if len(found) < samples:
            missing.append((request, samples - len(found)))
    known = [answer for _, found in seen for answer in found]
    spent = sum((answer.usage for answer in known), Usage())
    measured = len(known) >= _ENOUGH and spent.input_tokens > 0
    scale, written = 1.0, None
    if measured:
        guessed = sum(tokens_of(request) * sum(answer.requests for answer in found) for request, found in seen)
        scale, written = spent.input_tokens / guessed, spent.output_tokens / len(known)
    read = round(sum(scale * tokens_of(request) for request, _ in missing))
    most = sum(count * request.max_tokens for request, count in missing)
    expected = most if written is None else round(sum(count * written for _, count in missing))
    return Estimate(
        Usage(len(missing), read, min(expected, most)), Usage(len(missing), read, most), len(known) if measured else 0
    )


def tokens_of(request: Request | Scoring) -> float:
    """About how many tokens a request is read as."""
    if isinstance(request, Scoring):
        return len(request.ids)
    return _FRAME + sum(_FRAME + letters_as_tokens(message.content) for message in request.messages)


def letters_as_tokens(text: str) -> float:
    """About how many tokens a text is, by its letters."""
    others = sum(letter >= _FIRST_OTHER for letter in text)
    dense = sum(letter >= _FIRST_DENSE for letter in text)
    return (len(text) - others) / _LATIN + (others - dense) / _OTHER + dense / _DENSE
