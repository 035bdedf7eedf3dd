"""A task whose models are measured otherwise: by a share in percent, and by an error that is a plain number, the less the better."""

from typing import ClassVar

from distil.framework.metrics import Metric
from distil.framework.tasks.span_qa.task import ExtractiveQA


class Estimate(ExtractiveQA):
    """See above."""

    kind: str  # type: ignore[assignment]
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("hits", "hits"),
        Metric("error", "error", percent=False, higher_is_better=False, primary=True),
    )
    variants: ClassVar[tuple[str, ...]] = ()
    items: ClassVar[str] = "texts"


TASK = {"kind": "tests.other_metrics:Estimate"}
