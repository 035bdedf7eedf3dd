"""Kinds of characters that texts are compared and cut by."""

import unicodedata
from functools import cache


def in_word(character: str) -> bool:
    """Letters, digits, and accents on them."""
    return character.isalnum() or is_accent(character)


def is_accent(character: str) -> bool:
    """A mark that combines with the letter before it."""
    return unicodedata.combining(character) > 0


def is_invisible(character: str) -> bool:
    """Formatting and control characters, such as a soft hyphen or a byte-order mark."""
    return unicodedata.category(character) in ("Cf", "Cc")


@cache
def is_blank(character: str) -> bool:
    """White space, and what cannot be seen."""
    return character.isspace() or is_invisible(character)


def without_blank_ends(text: str) -> tuple[str, int]:
    """The text without blank characters at its ends, and how many were cut off at its beginning."""
    begin, end = 0, len(text)
    while begin < end and is_blank(text[begin]):
        begin += 1
    while begin < end and is_blank(text[end - 1]):
        end -= 1
    return text[begin:end], begin
