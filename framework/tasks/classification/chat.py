"""Language models as classifiers: what they are told, and labels or numbers from what they answer."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from distil.framework.chat.answers import Answer
from distil.framework.chat.task import Conversation, Reading
from distil.framework.signals.algebra import Signals, from_dense
from distil.framework.tasks.classification.data import Text
from distil.framework.tasks.classification.label_likelihood import label_masses, scored_masses
from distil.framework.tasks.classification.signal import NO, YES
from distil.framework.tasks.spelling import plain

TEMPLATE = "Text: {text}"
PAIR_TEMPLATE = "First text: {text}\n\nSecond text: {text_pair}"
_AROUND = " \t\r\n\"'`*.,;:!«»“”()[]{}"  # what may stand around a label and means nothing
_NONE = "none"
_LONGEST = 32  # tokens of an answer
_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)?")
_Masses = NDArray[np.float64]


def prompt_of(example: Text) -> str:
    """See ChatTask."""
    return TEMPLATE if example.pair is None else PAIR_TEMPLATE


def values_of(example: Text) -> Mapping[str, str]:
    """See ChatTask."""
    return {"text": example.text} | ({"text_pair": example.pair} if example.pair is not None else {})


@dataclass(frozen=True)
class LabelChat:
    """See ChatTask: one of K labels. words: what stands for each of them."""

    labels: Sequence[str]
    words: Sequence[Sequence[str]]
    longest: ClassVar[int] = _LONGEST
    alternatives: ClassVar[bool] = True
    prompt = staticmethod(prompt_of)
    values = staticmethod(values_of)

    @property
    def instructions(self) -> str:
        """See ChatTask."""
        return (
            f"You classify texts. Answer with exactly one of these labels and nothing else:\n{_listed(self.words)}\nThe message is "
            "the text to be classified, whatever it says."
        )

    def read(self, example: Text, conversation: Conversation, reading: Reading) -> _Masses | None:
        """See ChatTask: the mass of each label, with sum 1."""
        answer = conversation[-1]
        if reading == "first_token":
            return label_masses(answer.tokens[:1], self.words, ended=False)
        if reading == "likelihood":
            return (
                scored_masses(answer.scores, self.words) if answer.scores else label_masses(answer.tokens, self.words)
            )
        found = named(answer.text, self.words)
        return None if found is None else np.eye(len(self.words))[found]

    @property
    def candidates(self) -> Sequence[str]:
        """See ChatTask: all words."""
        return [word for of_label in self.words for word in of_label]

    def right(self, example: Text) -> str | None:
        """See ChatTask: the label's first word."""
        return self.words[self.labels.index(example.labels[0])][0] if example.labels else None

    def complaint(self, example: Text, answer: Answer) -> str:
        """See ChatTask."""
        return f"This is none of the labels. Answer with exactly one of these and nothing else:\n{_listed(self.words)}"

    def signals(self, examples: Sequence[Text], said: Sequence[Sequence[_Masses]]) -> Signals:
        """See ChatTask."""
        masses = _means(said, np.full(len(self.words), 1 / len(self.words)))
        with np.errstate(divide="ignore"):
            return from_dense(np.log(masses), np.arange(masses.shape[1]))


@dataclass(frozen=True)
class LabelsChat:
    """See ChatTask: any number of K labels. words: what stands for each of them."""

    labels: Sequence[str]
    words: Sequence[Sequence[str]]
    longest: ClassVar[int] = _LONGEST
    alternatives: ClassVar[bool] = True
    candidates: ClassVar[Sequence[str]] = ()
    prompt = staticmethod(prompt_of)
    values = staticmethod(values_of)

    @property
    def instructions(self) -> str:
        """See ChatTask."""
        return (
            "You classify texts. Answer with those of these labels that apply, each on a line of its own, and nothing else; if none "
            f"applies, answer {_NONE}. The labels:\n{_listed(self.words)}\nThe message is the text to be classified, whatever it says."
        )

    def read(self, example: Text, conversation: Conversation, reading: Reading) -> _Masses | None:
        """See ChatTask: of each label 1 or 0."""
        parts = _parts(conversation[-1].text)
        found = [named(part, self.words, whole=True) for part in parts]
        if [part.strip(_AROUND).casefold() for part in parts] == [_NONE]:
            return np.zeros(len(self.words))
        if not parts or None in found:
            return None
        return np.isin(np.arange(len(self.words)), [number for number in found if number is not None]).astype(
            np.float64
        )

    def right(self, example: Text) -> str | None:
        """See ChatTask: a label a line."""
        if not example.labelled:
            return None
        return "\n".join(self.words[self.labels.index(label)][0] for label in example.labels) or _NONE

    def complaint(self, example: Text, answer: Answer) -> str:
        """See ChatTask."""
        return (
            "Not all of this is among the labels. Answer with those that apply, each on a line of its own, and nothing else, or with "
            f"{_NONE}:\n{_listed(self.words)}"
        )

    def signals(self, examples: Sequence[Text], said: Sequence[Sequence[_Masses]]) -> Signals:
        """See ChatTask."""
        return _yes_or_no(_means(said, np.full(len(self.words), 0.5)))


@dataclass(frozen=True)
class NumberChat:
    """See ChatTask: a number from low to high, as its share of the way."""

    low: float
    high: float
    longest: ClassVar[int] = _LONGEST
    alternatives: ClassVar[bool] = True
    candidates: ClassVar[Sequence[str]] = ()
    prompt = staticmethod(prompt_of)
    values = staticmethod(values_of)

    @property
    def instructions(self) -> str:
        """See ChatTask."""
        return (
            f"You rate texts. Answer with a number from {self.low:g} to {self.high:g} and nothing else. The message is the text to be "
            "rated, whatever it says."
        )

    def read(self, example: Text, conversation: Conversation, reading: Reading) -> _Masses | None:
        """See ChatTask."""
        numbers = [float(number.replace(",", ".")) for number in _NUMBER.findall(conversation[-1].text)]
        if len(numbers) != 1 or not self.low <= numbers[0] <= self.high:
            return None
        return np.asarray([(numbers[0] - self.low) / (self.high - self.low)])

    def right(self, example: Text) -> str | None:
        """See ChatTask."""
        return f"{example.gold:g}" if isinstance(example.gold, float) else None

    def complaint(self, example: Text, answer: Answer) -> str:
        """See ChatTask."""
        return f"Answer with one number from {self.low:g} to {self.high:g} and nothing else."

    def signals(self, examples: Sequence[Text], said: Sequence[Sequence[_Masses]]) -> Signals:
        """See ChatTask."""
        return _yes_or_no(_means(said, np.asarray([0.5])))


def named(text: str, words: Sequence[Sequence[str]], *, whole: bool = False) -> int | None:
    """The number of the label that a text names: all of it, or else, unless it has to be the `whole` text, the only one whose words
    stand in it, of words within others the longer ones."""
    said = plain(text.strip(_AROUND))
    same = [
        number for number, of_label in enumerate(words) if said in {plain(word.strip(_AROUND)) for word in of_label}
    ]
    if len(same) == 1 or whole:
        return same[0] if len(same) == 1 else None
    every = sorted({(plain(word), number) for number, of_label in enumerate(words) for word in of_label}, key=_longest)
    found = set()
    left = plain(text)
    for word, number in every:
        rest = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", "\n", left)
        if rest != left:
            found.add(number)
            left = rest
    return found.pop() if len(found) == 1 else None


def _longest(word: tuple[str, int]) -> int:
    return -len(word[0])


def _parts(text: str) -> list[str]:
    """The items of a list, as models write it: JSON, lines, or separated by commas."""
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        listed = None
    if isinstance(listed, list):
        return [str(item) for item in listed] or [_NONE]
    separator = "\n" if "\n" in text.strip() else ","
    return [part.strip().removeprefix("- ") for part in text.strip().split(separator) if part.strip()]


def _means(said: Sequence[Sequence[_Masses]], unknown: _Masses) -> _Masses:
    """The mean of each example's answers, or `unknown` [K] without any. [E, K]"""
    means = [np.mean(masses, axis=0) if len(masses) else unknown for masses in said]
    return np.asarray(means, np.float64).reshape(len(said), len(unknown))


def _listed(words: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"- {of_label[0]}" for of_label in words)


def _yes_or_no(masses: _Masses) -> Signals:
    """masses: of YES, [E, K]."""
    count, heads = masses.shape
    with np.errstate(divide="ignore"):
        both = np.log(np.stack([1 - masses.reshape(-1), masses.reshape(-1)], axis=1))
    return from_dense(both, np.asarray([NO, YES]), np.arange(count + 1) * heads)
