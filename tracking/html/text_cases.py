"""Texts that are shown with what models answered."""

from collections.abc import Sequence
from dataclasses import dataclass

_SHOWN = 300  # characters of a text


@dataclass(frozen=True)
class Answer:
    """An answer, what it is worth in a word, and by whom it was given."""

    text: str
    worth: str
    models: str


@dataclass(frozen=True)
class TextCase:
    """The beginnings of a text, or of both of a pair; gold: the right answer."""

    texts: list[str]
    gold: str
    answers: list[Answer]


def text_case(texts: Sequence[str], gold: str, answers: Sequence[Answer]) -> TextCase:
    """A text, or a pair of texts, with answers."""
    return TextCase([_beginning(text) for text in texts], gold, list(answers))


def _beginning(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN].rsplit(maxsplit=1)[0]} …"
