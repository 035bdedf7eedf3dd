"""What the examples of a file show: their language, how long they are, how their labels are shared out."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from distil.framework.data.example import Example
from distil.framework.language.texts import main_language

_LOOKED_AT, _READ = 2000, 2000  # texts, and letters of each
# Characters of a token, as the tokenizers of the models that are proposed cut texts, rather too few than too many.
_CHARACTERS = {"ru": 4.0, "en": 3.5, "other": 2.5}
_WIDE = 1.0  # of scripts that write a syllable or a word as one character
_LENGTHS = (64, 96, 128, 192, 256, 384)
_SPECIAL = 4  # tokens around texts
_SMALL, _LARGE = 2_000, 20_000  # examples: below the one more epochs are proposed, above the other fewer


@dataclass(frozen=True)
class Facts:
    """language: `ru`, `en` or `other`; characters: of the texts of an example together, of the median one and of the longest but a
    hundredth; characters_a_token: what a token takes of them, estimated rather too low; labels: how many examples have each, the most frequent first, none of numbers and
    questions; unanswered, unlabelled: shares of questions without an answer, and of examples without a label."""

    examples: int
    language: str
    characters: tuple[int, int]
    characters_a_token: float
    labels: Mapping[str, int]
    unanswered: float
    unlabelled: float

    @property
    def tokens(self) -> int:
        """Of the longest examples but a hundredth."""
        return round(self.characters[1] / self.characters_a_token)

    def epochs(self, of_few: int, usual: int, of_many: int) -> int:
        """How often so many examples are learnt."""
        return of_few if self.examples < _SMALL else usual if self.examples < _LARGE else of_many

    @property
    def max_length(self) -> int:
        """Tokens of a window that holds nearly all examples, or of the largest one that is usual."""
        return next((length for length in _LENGTHS if self.tokens + _SPECIAL <= length), _LENGTHS[-1])

    @property
    def uneven(self) -> bool:
        """Whether some label is five times as frequent as another."""
        counts = self.labels.values()
        return len(counts) > 1 and max(counts) >= 5 * min(counts)


def facts_of(examples: Sequence[Example]) -> Facts:
    """What examples of any task show."""
    sample = [" ".join(text[:_READ] for text in example.texts) for example in examples[:_LOOKED_AT]]
    language = main_language(sample)
    lengths = np.asarray([sum(map(len, example.texts)) for example in examples])
    median, longest = (int(np.percentile(lengths, part)) for part in (50, 99))
    return Facts(
        examples=len(examples),
        language=language,
        characters=(median, longest),
        characters_a_token=_WIDE if _is_wide(sample) else _CHARACTERS[language],
        labels=dict(Counter(label for example in examples for label in _labels(example)).most_common()),
        unanswered=sum(getattr(example, "answers", None) == () for example in examples) / len(examples),
        unlabelled=sum(not example.labelled for example in examples) / len(examples),
    )


def _labels(example: Example) -> Iterator[str]:
    """Labels of a text, or types of the entities in it, where it has either."""
    yield from getattr(example, "labels", ())
    for tag in getattr(example, "tags", None) or ():
        if tag != "O" and not tag.startswith("I-"):
            yield tag.removeprefix("B-")


def _is_wide(texts: Sequence[str]) -> bool:
    text = "".join(texts)
    wide = len(re.findall("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]", text))  # Thai, Lao, Japanese, Chinese
    return wide > 0.3 * max(1, len(text))
