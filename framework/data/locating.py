"""Where a text contains another, in spite of differences in writing that do not matter."""

import html
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from distil.framework.data.characters import in_word, is_accent, is_invisible

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


@dataclass(frozen=True)
class Folded:
    """A text in the form in which texts are compared.

    Letters have no case and are compatibility-decomposed, ё is е; white space is one space between two letters or
    digits and nothing elsewhere (tokenizers put spaces around punctuation); HTML entities are what they stand for;
    invisible characters are left out, and accents are too where that was asked for.
    origin, ends: int [n], from and to which character of the text each of the n characters of `form` comes from.
    """

    text: str
    form: str
    origin: NDArray[np.int64]
    ends: NDArray[np.int64]


@lru_cache(maxsize=16)
def fold(text: str, accents: bool = True) -> Folded:
    """See Folded. The last few are kept: one context is searched for many texts."""
    form: list[str] = []
    origin: list[int] = []
    ends: list[int] = []
    space = False
    for place, end, character in _characters(text):
        for part in unicodedata.normalize("NFKD", character).casefold():
            if part.isspace():
                space = True
            elif not (
                is_invisible(part) or (is_accent(part) and not accents) or (part == "\u0308" and form[-1:] == ["е"])
            ):
                if space and form and in_word(form[-1]) and in_word(part):
                    form.append(" ")
                    origin.append(place - 1)
                    ends.append(place)
                space = False
                form.append(part)
                origin.append(place)
                ends.append(end)
    return Folded(text, "".join(form), np.asarray(origin, np.int64), np.asarray(ends, np.int64))


def _characters(text: str) -> Iterator[tuple[int, int, str]]:
    """The text's characters with their places [begin, end), and of HTML entities what they stand for."""
    begin = 0
    for found in _ENTITY.finditer(text) if "&" in text else ():
        meant = html.unescape(found.group())
        if meant != found.group():
            yield from ((at, at + 1, text[at]) for at in range(begin, found.start()))
            yield found.start(), found.end(), meant
            begin = found.end()
    yield from ((at, at + 1, text[at]) for at in range(begin, len(text)))


def locate(context: str, text: str) -> list[tuple[int, int]]:
    """All places of the context, as characters [start, end) in order, that hold `text`.

    Punctuation around the text may differ, and belongs to a place where it is there. Places that hold the text as whole
    words exclude those that hold it inside other words. Accents count, unless there is no place then: some tokenizers
    know none.
    """
    return _places(fold(context), fold(text).form) or _places(fold(context, False), fold(text, False).form)


def _places(context: Folded, query: str) -> list[tuple[int, int]]:
    core = _without_punctuation(query) or query
    if not core:
        return []
    before, _, after = query.partition(core)
    found = [at for at in _occurrences(context.form, core) if _whole_characters(context, at, at + len(core))]
    words = [at for at in found if _whole_words(context.form, at, at + len(core))]
    places = set()
    for at in words or found:
        start, end = at, at + len(core)
        if context.form.endswith(before, 0, start) and _whole_characters(context, start - len(before), end):
            start -= len(before)
        if context.form.startswith(after, end) and _whole_characters(context, start, end + len(after)):
            end += len(after)
        places.add((int(context.origin[start]), _after_accents(context.text, int(context.ends[end - 1]))))
    return sorted(places)


def _after_accents(text: str, end: int) -> int:
    """`end`, or further on if accents that the form leaves out belong to the last letter."""
    while end < len(text) and is_accent(text[end]):
        end += 1
    return end


def _occurrences(form: str, core: str) -> list[int]:
    places = []
    at = form.find(core)
    while at >= 0:
        places.append(at)
        at = form.find(core, at + 1)
    return places


def _whole_characters(context: Folded, start: int, end: int) -> bool:
    """Whether [start, end) cuts no character of the text in two, and no letter from its accent."""
    origin = context.origin
    cut_start = start > 0 and origin[start - 1] == origin[start]
    cut_end = end < len(origin) and (origin[end - 1] == origin[end] or is_accent(context.text[origin[end]]))
    return not (cut_start or cut_end)


def _whole_words(form: str, start: int, end: int) -> bool:
    inside_before = start > 0 and in_word(form[start - 1]) and in_word(form[start])
    inside_after = end < len(form) and in_word(form[end - 1]) and in_word(form[end])
    return not (inside_before or inside_after)


def _without_punctuation(form: str) -> str:
    start, end = 0, len(form)
    while start < end and _loose(form[start]):
        start += 1
    while start < end and _loose(form[end - 1]):
        end -= 1
    return form[start:end]


def _loose(character: str) -> bool:
    return character.isspace() or unicodedata.category(character).startswith("P")
