"""The rules that a recipe may name to make one teacher of several. A new one is a file beside these and a name here."""

from typing import Annotated

from framework.ensembles.agreement import Agreement
from framework.ensembles.base import Ensemble
from framework.ensembles.confidence import Confidence
from framework.ensembles.geometric import Geometric
from framework.ensembles.label_aware import LabelAware
from framework.ensembles.mean import Mean
from framework.ensembles.sampled import Sampled
from framework.ensembles.weighted import Weighted
from framework.plugins import by_kind

AnyEnsemble = Annotated[
    Mean | Geometric | Weighted | Confidence | LabelAware | Agreement | Sampled,
    by_kind(Mean, Geometric, Weighted, Confidence, LabelAware, Agreement, Sampled, field="rule", protocols=(Ensemble,)),
]
