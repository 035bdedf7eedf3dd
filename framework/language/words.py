"""A language: its texts, the forms that numbers ask for, and how it writes figures."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from distil.framework.language import english, russian

Texts = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True)
class Words:
    """The texts of a language by name. form: which of several forms a text takes with a whole number; figures: how figures of
    English texts, as in `1,200.5 [-0.5, 0.5]`, are written."""

    language: str
    texts: Texts
    form: Callable[[int], int]
    figures: Callable[[str], str]

    def __call__(self, name: str, count: int | None = None, /, **values: object) -> str:
        """A text with values in their places. count: decides about its form, and stands at `{count}`. Raises KeyError."""
        found = self.texts[name]
        text = found if isinstance(found, str) else found[self.form(1 if count is None else count)]
        return text.format(count="" if count is None else self.figures(f"{count:,}"), **values)

    def counted(self, items: str, count: int) -> str:
        """So many of a task's examples, by what the task calls them in English, in the plural."""
        return self(f"items {items}" if f"items {items}" in self.texts else "items", count, items=items)

    def listed(self, parts: Sequence[str]) -> str:
        """Names as a list in a sentence."""
        return self("and").join([*([", ".join(parts[:-1])] if parts[:-1] else []), *parts[-1:]])


def count_of(count: int, noun: str) -> str:
    """So many of something, in English: `1 text`, `1,200 texts`. noun: one of them, in the singular."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _english_form(count: int) -> int:
    return int(count != 1)


def _russian_form(count: int) -> int:
    """1, 21, 101: the first; 2 to 4, 22: the second; 0, 5 to 20, 111: the third (CLDR's rule for whole numbers)."""
    last, two = count % 10, count % 100
    if last == 1 and two != 11:
        return 0
    return 1 if 2 <= last <= 4 and not 12 <= two <= 14 else 2


_UNITS = {"K": "\u00a0тыс.", "M": "\u00a0млн", "B": "\u00a0млрд"}


def _russian_figures(text: str) -> str:
    """Decimal commas, spaces between thousands, semicolons between figures, and thousands and millions by their names."""
    text = re.sub(r"(?<=\d), (?=[+-]?\d)", "; ", text)
    text = re.sub(r"(?<=\d),(?=\d{3})", "\u00a0", text)
    text = re.sub(r"(?<=\d)\.(?=\d)", ",", text)
    return re.sub(r"(?<=\d)[KMB]$", lambda unit: _UNITS[unit.group()], text)


ENGLISH = Words("en", english.TEXTS, _english_form, str)
RUSSIAN = Words("ru", russian.TEXTS, _russian_form, _russian_figures)
LANGUAGES = {words.language: words for words in (ENGLISH, RUSSIAN)}
