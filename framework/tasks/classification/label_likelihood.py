"""How likely a language model finds each label, by the likeliest tokens in each place of its answer."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from unicodedata import combining, normalize

import numpy as np
from numpy.typing import NDArray

from distil.framework.chat.answers import Token

_BEFORE = " \t\r\n\"'`*«“"
_AFTER = " \t\r\n\"'`*.,;:!»”"
_ENDS = re.compile(r"(?:<[^<>]*>)?")  # a token that ends an answer: servers show its name, or nothing


def label_masses(
    tokens: Sequence[Token], words: Sequence[Sequence[str]], ended: bool = True
) -> NDArray[np.float64] | None:
    """The mass of each label, with sum 1; None where the answer and all that it might have been is none of them. [K]

    In every place the model might have gone on otherwise: what it wrote until there and one of the listed tokens are the beginning
    of labels, which share its mass alike. A label that no listed token leads to is less likely than all that are listed in the
    first place: such labels share what is left, as far as that allows. ended: whether the answer is over with the last token.
    """
    forms = [[_plain(word) for word in of_label] for of_label in words]
    masses = np.zeros(len(words))
    for text, log_p, over in _ways(tokens, ended):
        meant = _meant(text, forms, over)
        if meant:
            masses[meant] += math.exp(log_p) / len(meant)
    if not masses.any():
        return None
    unseen = masses == 0
    if unseen.any():
        least = min([tokens[0].log_p, *(log_p for _, log_p in tokens[0].others)])
        left = max(0.0, 1.0 - masses.sum())
        masses[unseen] = min(left / unseen.sum(), math.exp(least))
    shares: NDArray[np.float64] = masses / masses.sum()
    return shares


def scored_masses(scores: Sequence[float], words: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """The mass of each label, with sum 1, by the logarithms of those of all words, which exclude each other. [K]"""
    masses = np.exp(np.asarray(scores) - max(scores))
    ends = np.cumsum([len(of_label) for of_label in words])
    found = np.asarray([part.sum() for part in np.split(masses, ends[:-1])])
    shares: NDArray[np.float64] = found / found.sum()
    return shares


def _ways(tokens: Sequence[Token], ended: bool) -> Iterator[tuple[str, float, bool]]:
    """Beginnings of answers that exclude each other: the text, the logarithm of its probability, and whether it ends there."""
    text, log_p = "", 0.0
    for token in tokens:
        for other, other_log_p in dict(token.others).items():
            if other != token.text:
                ends = _ENDS.fullmatch(other) is not None
                yield text if ends else text + other, log_p + other_log_p, ends
        text += "" if _ENDS.fullmatch(token.text) else token.text
        log_p += token.log_p
    yield text, log_p, ended


def _meant(text: str, forms: Iterable[Sequence[str]], ended: bool) -> list[int]:
    """The labels that a text is, or else may become."""
    said = _plain(text)
    if not said:
        return []
    numbered = list(enumerate(forms))
    whole = [number for number, of_label in numbered if said in of_label]
    if whole and ended:
        return whole
    begun = [number for number, of_label in numbered if any(form.startswith(said) for form in of_label)]
    if begun:
        return begun
    # It has gone on after a label, of several that are one another's beginnings the longest.
    past = [(len(form), number) for number, of_label in numbered for form in of_label if _goes_on(said, form)]
    longest = max((length for length, _ in past), default=0)
    return [number for length, number in past if length == longest]


def _goes_on(said: str, form: str) -> bool:
    return said.startswith(form) and not (said[len(form)].isalnum() or combining(said[len(form)]))


def _plain(text: str) -> str:
    """Decomposed (NFD): a token may end between a letter and its sign."""
    return normalize("NFD", text.lstrip(_BEFORE).rstrip(_AFTER).casefold())
