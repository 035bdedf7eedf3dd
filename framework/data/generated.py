"""Generated sources: splits that share no text, the same from the same seed on every machine."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from random import Random
from typing import Protocol, TypeVar

from framework.data.records import Readers, Record
from framework.errors import DataError

_ATTEMPTS = 1000
_Made = TypeVar("_Made")

Generate = Callable[[], dict[str, list[Record]]]
Values = dict[str, object]
Generators = Callable[[str], Random]
"""The random generator of a purpose."""


class Generator(Protocol):
    """The settings of a generated source that all have."""

    @property
    def seed(self) -> int:
        """Of everything that is generated."""

    @property
    def examples(self) -> Mapping[str, int]:
        """How many examples each split has."""

    @property
    def label_noise(self) -> float:
        """The share of the labels of the split `train` that are wrong."""


def generated_splits(
    settings: Generator,
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
        raise DataError(f"data.source: after {len(written)} texts hardly a new one can be made; {advice}")

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


def split_readers(splits: Iterable[str], generate: Generate) -> Readers:
    """See Source: a function for each split. No split can be made without the others; one pass makes them all."""
    everything = cache(generate)

    def records(split: str) -> Iterator[Record]:
        return iter(everything()[split])

    return {split: partial(records, split) for split in splits}
