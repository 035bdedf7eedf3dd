"""Names that look alike and are not the same to a computer: Unicode writes й as one character, or as и with a sign (NFC and NFD)."""

from collections.abc import Iterable
from unicodedata import normalize


def spelt_twice(names: Iterable[str]) -> str | None:
    """Two of these names that look alike, in words; None where there are none."""
    first: dict[str, str] = {}
    for name in names:
        other = first.setdefault(normalize("NFC", name), name)
        if other != name:
            return f"'{other}' is spelt {other!a} and {name!a}, which look alike: write one of them, by Unicode's composed form (NFC) say"
    return None


def spelt_otherwise(name: str, names: Iterable[str]) -> str | None:
    """What to say of a name that is none of these, and looks like one; None where it does not."""
    return spelt_twice([*(one for one in names if normalize("NFC", one) == normalize("NFC", name)), name])


def plain(text: str) -> str:
    """A text without case, as names are compared: composed (NFC)."""
    return normalize("NFC", text.casefold())


def once_each(names: Iterable[str]) -> list[str]:
    """One of all that look alike, the last."""
    return list({normalize("NFC", name): name for name in names}.values())
