"""What makes two answers count as the same text."""

import re
import string
import unicodedata
from collections.abc import Callable

Normalise = Callable[[str], str]

_ARTICLE = re.compile(r"\b(?:a|an|the)\b")
_DROP_ASCII_PUNCTUATION = str.maketrans("", "", string.punctuation)

_QUOTES = "«»‹›„“”‟‚‘’‛"
# Unicode's dash punctuation (category Pd) outside ASCII, and the minus sign, which is a symbol (Sm).
_DASHES = (
    "\u058a\u05be\u1400\u1806\u2010\u2011\u2012\u2013\u2014\u2015\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u2e5d"
    "\u301c\u3030\u30a0\ufe31\ufe32\ufe58\ufe63\uff0d\U00010ead\u2212"
)
_RUSSIAN = str.maketrans("ё", "е", _QUOTES + _DASHES)


def official(text: str) -> str:
    """Normalise as the SQuAD 1.1 and 2.0 scripts do (Rajpurkar et al. 2016, arXiv:1606.05250).

    Lower case; ASCII punctuation dropped; English articles dropped where they stand as words; runs of white
    space become one space, none at the ends.
    """
    words = _ARTICLE.sub(" ", text.lower().translate(_DROP_ASCII_PUNCTUATION))
    return " ".join(words.split())


def russian(text: str) -> str:
    """Normalise as `official` does, then drop typographic quotes and every dash, and read ё as е.

    A dash is dropped as the official rule drops the ASCII hyphen, so «из-за» equals «из–за». Letters written
    with combining marks are composed first. Working on the official form means that two answers which
    are officially the same are the same here too.
    """
    composed = unicodedata.normalize("NFC", official(text))
    return " ".join(composed.translate(_RUSSIAN).split())
