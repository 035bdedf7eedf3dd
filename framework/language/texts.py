"""In which language texts are, as far as their letters tell."""

import re
from collections.abc import Iterable

_CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)


def language_of(text: str) -> str:
    """`ru` for a text with Cyrillic letters, else `en`."""
    return "ru" if _CYRILLIC.search(text) else "en"


def are_russian(texts: Iterable[str]) -> bool:
    """Whether at least half of the texts have Cyrillic letters; false of none."""
    found = [language_of(text) == "ru" for text in texts]
    return bool(found) and 2 * sum(found) >= len(found)
