"""Trials of a search as trackers take them: their values as text, their epochs as rows of a history."""

import json
from collections.abc import Iterator

from distil.framework.outcome import TrialResults
from distil.tracking.content import MAX_PARAM, Line, clip, legal_key


def trial_params(trial: TrialResults) -> dict[str, str]:
    """The values that a trial has at the places of the space."""
    return {legal_key(place): clip(_text(value), MAX_PARAM) for place, value in trial["values"].items()}


def trial_epochs(trial: TrialResults, start: int) -> Iterator[Line]:
    """The learning curve, by epoch. start: of the trial, in milliseconds."""
    for row in trial["epochs"]:
        metrics = {f"epoch/{name}": row[name] for name in row if name != "epoch"}
        yield Line("epoch", int(row["epoch"]), row["epoch"], start, metrics)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
