"""Generated sources: splits that share no text, the same from the same seed on every machine and in every Python, which promises
that of `Random.random()` alone, not of choice, sample or shuffle."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from random import Random
from typing import Annotated, ClassVar, Self, TypeVar

from pydantic import Field, field_validator, model_validator

from distil.framework.config import Section, Seed
from distil.framework.data.records import Fields, Formats, Readers, Record
from distil.framework.errors import DataError
from distil.framework.language.words import count_of
from distil.framework.progress import Progress

T = TypeVar("T")
_ATTEMPTS = 1000
_Made = TypeVar("_Made")

Values = dict[str, object]
Generators = Callable[[str], Random]
"""The random generator of a purpose."""


def pick(rng: Random, items: Sequence[T]) -> T:
    """One of the items."""
    return items[int(rng.random() * len(items))]


def pick_several(rng: Random, items: Sequence[T], count: int) -> list[T]:
    """`count` different items (by position) in random order."""
    pool = list(items)
    for i in range(count):
        j = i + int(rng.random() * (len(pool) - i))
        pool[i], pool[j] = pool[j], pool[i]
    return pool[:count]


def chance(rng: Random, probability: float) -> bool:
    """True with the given probability."""
    return rng.random() < probability


class GeneratedSource(Section):
    """The settings that all generated sources have; what they generate decides about further ones. See Source."""

    kind: str
    texts: ClassVar[str]
    items: ClassVar[str]  # what `examples` counts
    languages: ClassVar[tuple[str, ...]] = ("ru",)
    seed: Seed = 0
    examples: dict[str, Annotated[int, Field(ge=1, le=1_000_000)]]
    label_noise: float = 0.0

    @field_validator("examples")
    @classmethod
    def _some_examples(cls, examples: dict[str, int]) -> dict[str, int]:
        if not examples:
            raise ValueError(f"name at least one split, with its number of {cls.items}")
        return examples

    @model_validator(mode="after")
    def _noise_has_a_split(self) -> Self:
        if self.label_noise > 0 and "train" not in self.examples:
            raise ValueError("label_noise spoils the split 'train' alone, and examples names no such split")
        return self

    def generate(self) -> dict[str, list[Record]]:
        """The records of every split."""
        raise NotImplementedError

    def readers(self, progress: Progress, fields: Fields, formats: Formats) -> Readers:
        """See Source: a function for each split. No split can be made without the others; one pass makes them all."""
        everything = cache(self.generate)

        def records(split: str) -> Iterator[Record]:
            return iter(everything()[split])

        return {split: partial(records, split) for split in self.examples}


def generated_splits(
    settings: GeneratedSource,
    writer: Callable[[Generators], Callable[[], _Made]],
    text_of: Callable[[_Made], str],
    values_of: Callable[[_Made, Generators, float], Iterable[Values]],
    advice: str,
) -> dict[str, list[Record]]:
    """The records of every split, with ids.

    writer: called for each text, and what it gives, until it has written one, with what is known of it, whose `text_of` is new;
    values_of: the values of the records about it, given the share of wrong labels. Each split has random generators of its own,
    by what they are for (text, noise): more examples leave the earlier ones as they are, and noise changes nothing but labels.
    Raises DataError, with the `advice`, where hardly a new text can be made.
    """
    written: set[str] = set()

    def new(write: Callable[[], _Made]) -> _Made:
        for _ in range(_ATTEMPTS):
            made = write()
            if text_of(made) not in written:
                written.add(text_of(made))
                return made
        raise DataError(f"data.source: after {count_of(len(written), 'text')} hardly a new one can be made; {advice}")

    def values(split: str) -> Iterator[Values]:
        random = cache(lambda purpose: Random(f"{settings.seed}/{split}/{purpose}"))
        noise = settings.label_noise if split == "train" else 0.0
        while True:
            yield from values_of(new(writer(random)), random, noise)

    def records(split: str, count: int) -> list[Record]:
        ids = (f"{split}-{number:06d}" for number in range(count))
        return [Record(f"generated {id}", {"id": id, **found}) for id, found in zip(ids, values(split), strict=False)]

    # Sorted, since the order in which a recipe names its splits means nothing.
    return {split: records(split, settings.examples[split]) for split in sorted(settings.examples)}
