"""One model beside another, as results hold it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from distil.framework.outcome import ComparisonResults, Verdict

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped]


@dataclass(frozen=True)
class Difference:
    """By how much a model's metric is above another's.

    interval: of 95 %; error: the standard error over seeds, None of one seed; verdict: of the model that it is said of, `better` or
    `worse`, or `open` where the examples do not tell.
    """

    value: float
    interval: tuple[float, float]
    error: float | None
    verdict: Verdict


@dataclass(frozen=True)
class Comparison:
    """One model beside another, by metric.

    paired: whether both answered the same examples, seed by seed; differing: how many of their answers differ, over all seeds, None where
    they have no examples in common.
    """

    model: str
    against: str
    examples: int
    seeds: int
    paired: bool
    differing: int | None
    metrics: Mapping[str, Difference]


def comparison_of(found: ComparisonResults) -> Comparison:
    """A comparison that stands in results."""
    metrics = {
        name: Difference(one["difference"], (one["interval"][0], one["interval"][1]), one["error"], one["verdict"])
        for name, one in found["metrics"].items()
    }
    return Comparison(
        model=found["model"],
        against=found["against"],
        examples=found["examples"],
        seeds=found["seeds"],
        paired=found["paired"],
        differing=found["differing"],
        metrics=metrics,
    )


def differences_frame(comparisons: Sequence[Comparison]) -> "pandas.DataFrame":
    """A row for each comparison and metric: model, against, metric, difference, low, high, error, verdict, examples, seeds, paired."""
    import pandas

    columns = (
        "model",
        "against",
        "metric",
        "difference",
        "low",
        "high",
        "error",
        "verdict",
        "examples",
        "seeds",
        "paired",
    )
    rows = [
        (
            one.model,
            one.against,
            name,
            found.value,
            *found.interval,
            found.error,
            found.verdict,
            one.examples,
            one.seeds,
            one.paired,
        )
        for one in comparisons
        for name, found in one.metrics.items()
    ]
    return pandas.DataFrame(rows, columns=list(columns))
