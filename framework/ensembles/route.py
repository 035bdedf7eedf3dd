"""Rules by which one teacher alone teaches each example."""

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from distil.framework.config import Section, nearest_hint
from distil.framework.ensembles.base import Mixing, TeacherOutputs
from distil.framework.errors import DataError
from distil.framework.segments import Floats
from distil.framework.signals.algebra import entropy


class Route(Section):
    """One teacher alone teaches each example.

    by: `confidence`, that with the least entropy, the mean over heads; `likelihood`, that to which the gold answer, or the text that is
    learnt, is likeliest; of equal ones the first in the recipe. column: that which the data name.
    """

    rule: Literal["route"] = "route"
    by: Literal["confidence", "likelihood"] | None = Field(
        default=None,
        description="Who teaches: the surest teacher, or the one that finds the label, or the text, likeliest.",
    )
    column: str | None = Field(
        default=None, min_length=1, description="Or: a field or column of the data that says who teaches an example."
    )
    teachers: dict[str, str] | None = Field(
        default=None,
        min_length=1,
        description="By value of the column the name of a teacher, {ru: rubert, en: bert}; default: it holds names of teachers.",
    )
    metric: ClassVar[str | None] = None
    mixing: ClassVar[Mixing] = "arithmetic"

    @model_validator(mode="after")
    def _check(self) -> "Route":
        if (self.by is None) == (self.column is None):
            raise ValueError(
                "say who teaches an example, either `by: confidence` or `likelihood`, or by a `column` of the data"
            )
        if self.teachers is not None and self.column is None:
            raise ValueError("`teachers` belongs to a `column`, and there is none: drop it, or name a column")
        return self

    @property
    def needs_labels(self) -> bool:
        """See Ensemble."""
        return self.by == "likelihood"

    def check(self, names: Sequence[str]) -> list[str]:
        """What is wrong with the teachers that values of the column stand for, in words; empty if nothing is."""
        return [
            f"ensemble.teachers.{value}: no teacher is called '{name}'; {nearest_hint(name, list(names))}"
            for value, name in (self.teachers or {}).items()
            if name not in names
        ]

    def check_value(self, value: str, id: str, names: Sequence[str]) -> None:
        """Refuse a value of the column that names none of these teachers. Raises DataError."""
        legal = list(self.teachers) if self.teachers is not None else list(names)
        if value not in legal:
            raise DataError(
                f"'{value}' in the column '{self.column}' of '{id}' names no teacher; expected one of {', '.join(legal)}: put the data right, "
                "or say in ensemble.teachers who teaches there"
            )

    def weigh(self, outputs: TeacherOutputs) -> Floats:
        if self.column is not None:
            return self._by_column(outputs)
        best = -outputs.by_teacher(entropy) if self.by == "confidence" else outputs.gold_log_likelihood()
        alone: Floats = np.eye(len(outputs.names))[best.argmax(-1)]
        return alone

    def _by_column(self, outputs: TeacherOutputs) -> Floats:
        """Where the column is not known, or its teacher says nothing of an example, all others weigh the same."""
        weights = outputs.equal()
        for number, value in enumerate(outputs.column):
            name = self.teachers.get(value) if self.teachers is not None and value is not None else value
            if name in outputs.names:
                weights[number] = np.asarray(outputs.names) == name
        return weights


def column_of(rule: object) -> str | None:
    """The column of the data that a rule names, if it does."""
    return rule.column if isinstance(rule, Route) else None
