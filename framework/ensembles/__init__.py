"""The rules that a recipe may name to make one teacher of several. A new one is a class in `rules` and a
name here."""

from typing import Annotated

from distil.framework.ensembles.base import Ensemble
from distil.framework.ensembles.route import Route
from distil.framework.ensembles.rules import (
    Agreement,
    Confidence,
    Geometric,
    LabelAware,
    Mean,
    Posterior,
    Sampled,
    Weighted,
)
from distil.framework.plugins import by_kind

AnyEnsemble = Annotated[
    Mean | Geometric | Weighted | Confidence | LabelAware | Agreement | Posterior | Route | Sampled,
    by_kind(
        Mean,
        Geometric,
        Weighted,
        Confidence,
        LabelAware,
        Agreement,
        Posterior,
        Route,
        Sampled,
        field="rule",
        protocols=(Ensemble,),
    ),
]
