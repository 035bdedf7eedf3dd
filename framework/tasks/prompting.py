"""What tasks whose models write say of prompts, which are completed whether anybody knows how they go on or not."""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from distil.framework.data.example import Notebook
from distil.framework.data.records import Fields, Record

Row = Any  # the task's own, see its protocol


class Prompting(Protocol):
    """A part of Task. Where models write nothing, both raise DataError."""

    def prompt_rows(self, records: Iterable[Record], fields: Fields) -> Iterator[Row]:
        """Rows, of the task's own kind, of which nothing but the prompt is read, of records that need have no more. Raises DataError, which
        names the place."""

    def prompt_of(self, row: Row, notebook: Notebook) -> Row:
        """The prompt of a row or an example, as an example without a completion; None, which is noted, where there is none."""
