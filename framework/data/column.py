"""A column of the data beside what their task asks for, such as that by which teachers are chosen."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from distil.framework.data.records import Asked, Record, is_missing, listed, lookup, no_field, shown
from distil.framework.errors import DataError


@dataclass(frozen=True)
class Column:
    """Takes note of a column's values while records are read. name: as the data call it, `a.b` is the field b of the object a."""

    name: str
    values: dict[str, str] = field(default_factory=dict)  # by the record's place

    @property
    def asked(self) -> Asked:
        """What tables are asked for."""
        return Asked(self.name)

    def noted(self, records: Iterable[Record]) -> Iterator[Record]:
        """The records, as they are. Raises DataError for one without a value there."""
        for record in records:
            values = record.values
            found, value = lookup(values, self.name) if isinstance(values, dict) else (False, None)
            if not found:
                there = values if isinstance(values, dict) else []
                raise no_field(there, self.name, record.place, ", which ensemble.column names")
            if is_missing(value) or isinstance(value, list | dict):
                raise DataError(
                    f"{record.place}: {self.name} must be a word or a number, by which a teacher is chosen; found {shown(value)}"
                )
            self.values[record.place] = str(value)
            yield record

    def at(self, place: str) -> str:
        """The value of the record in which a row was read. Raises DataError for a row that does not tell."""
        within = place
        while within not in self.values and "." in within:
            within = within.rpartition(".")[0]
        if within not in self.values:
            raise DataError(
                f"{place}: no record is known there (known: {listed(self.values)}), so that {self.name} is not: let rows have the "
                "places of their records"
            )
        return self.values[within]
