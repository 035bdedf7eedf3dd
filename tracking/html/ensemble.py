"""The ensemble, its teachers and the student beside each other."""

from dataclasses import dataclass
from typing import Any

from framework.outcome import RunResults
from framework.tasks.summary import summary_in
from tracking.html.bars import Bar, Bars, metric_bars
from tracking.report import EnsembleTable, ensemble_table


@dataclass(frozen=True)
class Ensemble:
    """settings: the rule and its options; table: what teachers weigh; bars: metrics, and weights."""

    settings: dict[str, Any]
    table: EnsembleTable | None
    bars: list[Bars]


def ensemble(results: RunResults) -> Ensemble | None:
    """What is known of the run's ensemble; None if it has none."""
    found = next((model for model in results["models"] if model["role"] == "ensemble"), None)
    if found is None:
        return None
    shown = [model for model in results["models"] if model["role"] != "baseline" and model["evaluation"]]
    bars = [metric_bars(f"ensemble-{metric.name}", metric, shown) for metric in summary_in(results).metrics]
    if found.get("weights"):
        bars.append(_weights(found["weights"]))
    return Ensemble(found["settings"], ensemble_table(results), [one for one in bars if one.rows])


def _weights(weights: dict[str, dict[str, float]]) -> Bars:
    rows = [Bar(name, "teacher", weight["mean"], f"{weight['mean']:.2f}") for name, weight in weights.items()]
    return Bars("ensemble-weights", "Mean weight of each teacher", rows, full=max(row.length for row in rows) or 1.0)
