"""In which language texts are, as far as their letters tell."""

import re
from collections.abc import Iterable, Sequence

_ENGLISH = ("the", "of", "and", "that", "what", "with", "you", "my", "how", "for", "this", "which")
_CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)


def language_of(text: str) -> str:
    """`ru` for a text with Cyrillic letters, else `en`."""
    return "ru" if _CYRILLIC.search(text) else "en"


def are_russian(texts: Iterable[str]) -> bool:
    """Whether at least half of the texts have Cyrillic letters; false of none."""
    found = [language_of(text) == "ru" for text in texts]
    return bool(found) and 2 * sum(found) >= len(found)


def main_language(texts: Sequence[str]) -> str:
    """`ru` where most letters are Cyrillic, with those that Russian has and its neighbours lack; `en` where most are Latin and English
    function words are frequent; else `other`."""
    text = " ".join(texts).lower()
    letters = sum(character.isalpha() for character in text) or 1
    cyrillic = len(re.findall("[а-яё]", text))
    if cyrillic > 0.5 * letters:
        russian, others = len(re.findall("[ыэё]", text)), len(re.findall("[іїєґўђјљњћџқғңөүұһ]", text))
        return "ru" if russian > 0.005 * cyrillic and others < 0.005 * cyrillic else "other"
    words = re.findall(r"[a-z]+", text)
    known = sum(word in _ENGLISH for word in words)
    return "en" if len(re.findall("[a-z]", text)) > 0.9 * letters and known > 0.06 * len(words) else "other"
