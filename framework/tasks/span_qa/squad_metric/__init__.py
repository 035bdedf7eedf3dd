"""The metrics as a module for the `evaluate` library, loadable by path and without a network."""

from pathlib import Path
from typing import Any, Literal


def load_squad_metric(variant: Literal["squad", "squad_v2"] = "squad") -> Any:
    """Load the metric with ``evaluate.load``; the first import of `evaluate` takes some seconds.

    Returns an `evaluate.Metric` that holds its inputs in memory.
    """
    import evaluate

    return evaluate.load(str(Path(__file__).resolve().parent), variant, keep_in_memory=True)
