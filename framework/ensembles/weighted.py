"""Arithmetic mean with weights that are given, or that follow from the teachers' F1."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Discriminator, Field, Tag, model_validator

from framework.config import Section, nearest_hint
from framework.ensembles.base import Mixing, TeacherOutputs
from framework.segments import Floats, softmax


def _form(value: Any) -> str:
    return "f1" if isinstance(value, str) else "given"


Share = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
# Told apart beforehand, so that an error speaks of the form that was meant.
Weights = Annotated[
    Annotated[dict[str, Share], Tag("given")] | Annotated[Literal["f1"], Tag("f1")], Discriminator(_form)
]


class Weighted(Section):
    """p = Σ_k w_k · p_k, with the same w for every question.

    Given weights are scaled to sum 1. With `weights: f1` they are the softmax w_k ∝ exp(F1_k / tau), F1_k being the
    teacher's F1 on held-out data, in points: with tau 1 a teacher that is one point better weighs e times as much. This
    softmax is distil's own choice.
    """

    rule: Literal["weighted"] = "weighted"
    weights: Weights = Field(description="By teacher, {a: 2, b: 1}; or f1.")
    tau: float = Field(
        default=1.0, ge=0.01, le=1e6, description="Points of F1; with `weights: f1`. Large: all weigh the same."
    )
    needs_labels: ClassVar[bool] = False
    mixing: ClassVar[Mixing] = "arithmetic"

    @model_validator(mode="after")
    def _check(self) -> "Weighted":
        # The default may be spelled out, as a resolved recipe does.
        if self.weights != "f1" and self.tau != 1.0:
            raise ValueError(
                "`tau` belongs to `weights: f1`, and weights are given: drop `tau`, or write `weights: f1`"
            )
        return self

    @property
    def needs_f1(self) -> bool:
        """See Ensemble."""
        return self.weights == "f1"

    def check(self, names: Sequence[str]) -> list[str]:
        """What is wrong with the weights of teachers that are called `names`, in words; empty if nothing is."""
        if self.weights == "f1":
            return []
        unknown = [
            f"ensemble.weights: no teacher is called '{name}'; {nearest_hint(name, list(names))}"
            for name in self.weights
            if name not in names
        ]
        missing = [f"ensemble.weights: teacher '{name}' has none: add it" for name in names if name not in self.weights]
        return unknown + missing

    def weigh(self, outputs: TeacherOutputs) -> Floats:
        if self.weights == "f1":
            points = np.asarray([outputs.f1[name] for name in outputs.names])
            return outputs.same(softmax(points / self.tau))
        given = np.asarray([self.weights[name] for name in outputs.names], np.float64)
        return outputs.same(given / given.sum())
