"""Where a recipe's data come from, to whoever reads them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from framework.data.fields import Fields
from framework.data.record import Record
from framework.progress import Progress

Readers = dict[str, Callable[[], Iterator[Record]]]
"""What a source offers: for each of its splits, a function that reads it."""

Formats = Mapping[str, Callable[[str, str], Iterator[Record]]]
"""A task's own text formats: by extension, such as .conll, the records of a text that was read at a place."""


class Source(Protocol):
    """A recipe's source of data."""

    @property
    def kind(self) -> str:
        """The name under which recipes know it."""

    def readers(self, progress: Progress, fields: Fields, formats: Formats) -> Readers:
        """A function for each split that reads it."""

    def model_dump(self, *, mode: str = "python") -> dict[str, Any]:
        """Its settings as plain data (pydantic gives it)."""
