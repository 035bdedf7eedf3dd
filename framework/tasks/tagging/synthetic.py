"""Generated news: the source's settings, texts that no two splits share, and the entities in them."""

import re
from collections.abc import Iterator
from functools import partial
from random import Random
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from distil.framework.data.generated import GeneratedSource, Generators, chance, generated_splits, pick
from distil.framework.data.records import Record
from distil.framework.tasks.tagging.example import words_of
from distil.framework.tasks.tagging.synthetic_words import NAMES, SENTENCES

_SLOT = re.compile(r"\{(\w+)(?:\.(\w+))?\}")
_TYPES = ("DATE", "LOC", "ORG", "PER")

Marked = tuple[int, int, str]
Text = tuple[str, list[Marked]]


class News(GeneratedSource):
    """Generated news in Russian. The seed decides everything, on every machine.

    Persons, places, organisations and dates are named; some names are those of a person in one sentence, and of a place or an
    organisation in another.
    """

    kind: Literal["news"] = "news"
    task: ClassVar[str] = "tagging"
    texts: ClassVar[str] = "generated Russian news"
    items: ClassVar[str] = "texts"
    examples: dict[str, Annotated[int, Field(ge=1, le=1_000_000)]] = Field(
        default_factory=lambda: {"train": 4000, "validation": 500}, description="split -> number of texts"
    )
    sentences: int = Field(default=2, ge=1, le=20, description="sentences of a text, at most")
    label_noise: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of the entities of the split `train` that are left out, of another type, or a word too long or short",
    )

    def generate(self) -> dict[str, list[Record]]:
        """See GeneratedSource."""
        return generate(self)


def generate(settings: "News") -> dict[str, list[Record]]:
    """The records of every split. Raises DataError where the settings allow too few different texts."""
    advice = "raise sentences, or ask for fewer examples"
    return generated_splits(
        settings,
        lambda random: partial(_text, random("text"), settings.sentences),
        lambda made: made[0],
        _values,
        advice,
    )


def _text(rng: Random, most: int) -> Text:
    """A text of up to so many sentences, and the entities in it."""
    text, entities = "", []
    for _ in range(1 + int(rng.random() * most)):
        begin = len(text) + 1 if text else 0
        said, found = _sentence(rng)
        text = f"{text} {said}".lstrip()
        entities += [(begin + start, begin + end, type) for start, end, type in found]
    return text, entities


def _sentence(rng: Random) -> Text:
    text, entities, at = "", [], 0
    sentence = pick(rng, SENTENCES)
    for slot in _SLOT.finditer(sentence):
        text += sentence[at : slot.start()]
        name, type = NAMES[slot[1]](rng, slot[2] or "nom")
        if type:
            entities.append((len(text), len(text) + len(name), type))
        text += name
        at = slot.end()
    text += sentence[at:]
    return text[0].upper() + text[1:], entities


def _values(made: Text, random: Generators, noise: float) -> Iterator[dict[str, object]]:
    text, entities = made
    kept = []
    for entity in entities:
        found = _wrong(random("noise"), text, entity) if chance(random("noise"), noise) else entity
        if found is not None:
            kept.append(list(found))
    yield {"text": text, "spans": kept}


def _wrong(rng: Random, text: str, entity: Marked) -> Marked | None:
    """What a hasty annotator makes of an entity: nothing, one of another type, or one that is a word too long or short."""
    start, end, type = entity
    kind = pick(rng, ("missing", "type", "boundary"))
    if kind == "missing":
        return None
    if kind == "type":
        return start, end, pick(rng, [other for other in _TYPES if other != type])
    words = words_of(text)
    first = next(number for number, word in enumerate(words) if word[1] > start)
    last = next(number for number, word in enumerate(words) if word[1] >= end)
    wider = [(i, j) for i, j in ((first - 1, last), (first, last + 1)) if i >= 0 and j < len(words)]
    narrower = [(first + 1, last), (first, last - 1)] if first < last else []
    i, j = pick(rng, wider + narrower)
    return words[i][0], words[j][1], type
