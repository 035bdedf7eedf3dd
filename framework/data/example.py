"""What all tasks' examples have in common; only the task itself looks at the rest."""

from collections.abc import Iterable
from typing import Protocol, Self

from framework.digest import digest_of_strings


class Row(Protocol):
    """An example as its source has it: well-typed, its label not checked yet."""

    @property
    def place(self) -> str:
        """Where it was read, for error messages."""

    @property
    def id(self) -> str:
        """Its name in its split."""

    @property
    def group(self) -> str:
        """See Example."""


class Example(Protocol):
    """One thing that models are trained or measured on."""

    @property
    def id(self) -> str:
        """Its name in its split."""

    @property
    def labelled(self) -> bool:
        """Whether it has a label."""

    @property
    def texts(self) -> tuple[str, ...]:
        """What a model reads: the same texts are the same example, whatever its id and label."""

    @property
    def group(self) -> str:
        """The text that it has in common with others: cuts and folds do not separate these."""

    @property
    def content(self) -> list[str]:
        """All of it, for digests."""

    def without_label(self) -> Self:
        """The same example, unlabelled."""


def fingerprint(examples: Iterable[Example]) -> str:
    """Digest of the examples in their order: ids, texts, labels."""
    return digest_of_strings(part for example in examples for part in example.content)
