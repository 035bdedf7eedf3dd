"""Where a record has what distil asks of it: by names of distil's own, or by those that a recipe gives."""

from typing import Any

from pydantic import Field

from framework.config import Section
from framework.data.row import listed
from framework.errors import DataError

_ANSWERS = ("answers", "answer")
_OTHER_NAMES = "`fields` of the data's source, or --field of `distil evaluate`, gives other names"


class Fields(Section):
    """Other names for fields or columns. `a.b` is the field b of the object a."""

    id: str | None = Field(default=None, min_length=1, description="the question's id; by default id")
    context: str | None = Field(default=None, min_length=1, description="the text; by default context")
    question: str | None = Field(default=None, min_length=1, description="the question; by default question")
    answers: str | None = Field(
        default=None,
        min_length=1,
        description="answers in any form, or an answer's text; by default answers, or answer",
    )
    start: str | None = Field(
        default=None,
        min_length=1,
        description="where the answer begins, if that stands beside its text; by default answer_start, where it is there",
    )
    is_impossible: str | None = Field(
        default=None, min_length=1, description="SQuAD 2.0's mark; by default is_impossible, where it is there"
    )

    def name_of(self, part: str) -> str:
        """The name in the records of what distil calls `part`."""
        name: str | None = getattr(self, part)
        return name or ("answer_start" if part == "start" else part)

    def names_of(self, part: str) -> tuple[str, ...]:
        """All names that it may have there."""
        return _ANSWERS if part == "answers" and self.answers is None else (self.name_of(part),)

    def required(self, record: dict[str, Any], part: str, place: str) -> Any:
        """What a record has as `part`. Raises DataError, which lists the fields that are there."""
        found, value = lookup(record, self.name_of(part))
        if not found:
            raise missing_field(record, self.name_of(part), place)
        return value

    def optional(self, record: dict[str, Any], part: str, place: str) -> Any:
        """The same, None where nothing is there and the recipe names no field. Raises as `required` does."""
        return self.required(record, part, place) if getattr(self, part) else lookup(record, self.name_of(part))[1]

    def answers_of(self, record: dict[str, Any]) -> tuple[bool, Any]:
        """Whether a record has answers, and these."""
        for name in self.names_of("answers"):
            found, value = lookup(record, name)
            if found:
                return True, value
        return False, None

    def columns(self, there: list[str], place: str) -> list[str]:
        """Of the columns that are there, those that are needed.

        Raises:
            DataError: such a column is not there, or there twice; the message lists those that are.
        """
        parts = {part: self._column(part, there) for part in Fields.model_fields}
        needed = [column for column in dict.fromkeys(parts.values()) if column is not None]
        required = {"id", "context", "question"} | ({"answers"} if parts["is_impossible"] is None else set())
        for part, column in parts.items():
            if column is None and (part in required or getattr(self, part)):
                raise DataError(f"{place}: no column '{self.name_of(part)}' (found: {listed(there)}); {_OTHER_NAMES}")
        twice = next((name for name in needed if there.count(name) > 1), None)
        if twice is not None:
            raise DataError(f"{place}: two columns are called '{twice}'; rename or drop one (found: {listed(there)})")
        return needed

    def _column(self, part: str, there: list[str]) -> str | None:
        names = [column for name in self.names_of(part) for column in (name, name.partition(".")[0])]
        return next((name for name in names if name in there), None)


STANDARD = Fields()


def lookup(record: dict[str, Any], name: str) -> tuple[bool, Any]:
    """Whether a record has the field, and its value: of that very name, or else by a path such as a.b."""
    if name in record:
        return True, record[name]
    first, dot, rest = name.partition(".")
    inner = record.get(first)
    return lookup(inner, rest) if dot and isinstance(inner, dict) else (False, None)


def missing_field(record: dict[str, Any], name: str, place: str) -> DataError:
    """The error that lists the fields that are there."""
    hint = "; write null for an unlabelled question" if name in _ANSWERS else ""
    return DataError(f"{place}: no field '{name}'{hint} (found: {listed(record)}); {_OTHER_NAMES}")
