"""The figures by which models are measured, as data: what a task names here is all that tables, searches and reports know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A figure by which a task's models are measured.

    name: in results.json, in MLflow and as `search.metric`; label: in tables and reports; percent: from 0 to 100, and
    otherwise a plain number; primary: what a search goes by where it names none.
    """

    name: str
    label: str
    percent: bool = True
    higher_is_better: bool = True
    primary: bool = False

    def text(self, value: float, digits: int = 1) -> str:
        """A value as people read it: percent with so many digits behind the point, other numbers with four significant ones."""
        return f"{value:.{digits}f}" if self.percent else f"{value:.4g}"

    def change(self, value: float) -> str:
        """A difference of two values as people read it."""
        return f"{value:+.2f}" if self.percent else f"{value:+.4g}"

    def gain(self, value: float) -> float:
        """A number that is the larger, the better the value is."""
        return value if self.higher_is_better else -value

    def points(self, value: float) -> float:
        """A value in points: percent as they are, of other numbers, such as correlations, hundredths."""
        return value if self.percent else 100.0 * value

    def axis(self, called: str) -> str:
        """What stands at an axis or above a column of values, under what the metric is called there."""
        return (
            f"{called}, %" if self.percent else f"{called} (lower is better)" if not self.higher_is_better else called
        )


def primary_of(metrics: Sequence[Metric]) -> Metric:
    """The metric that counts where only one can: the first that says so, or else the first."""
    return next((metric for metric in metrics if metric.primary), metrics[0])


def points_of(
    name: str | None, metrics: Sequence[Metric], measured: Mapping[str, Mapping[str, float]]
) -> dict[str, float]:
    """The metric of this name of every model, in points. measured: metrics by model and name. None: nothing."""
    metric = next((metric for metric in metrics if metric.name == name), None)
    return {} if metric is None else {model: metric.points(found[metric.name]) for model, found in measured.items()}


def metrics_in_words(metrics: Sequence[Metric]) -> str:
    """What figures are in, for a sentence: `EM and F1 in percent`."""
    percent = " and ".join(metric.label for metric in metrics if metric.percent)
    plain = [
        metric.label + ("" if metric.higher_is_better else " (lower is better)")
        for metric in metrics
        if not metric.percent
    ]
    return ", ".join([*([f"{percent} in percent"] if percent else []), *plain])
