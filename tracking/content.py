"""What of `results.json` goes where in MLflow: from results to parameters, metrics and tags."""

import json
from datetime import datetime
from typing import Any

from framework.outcome import ModelResults, RunResults, SearchResults
from tracking.keys import MAX_TAG, clip, flatten, legal_key, numbers

PARENT_TAG = "mlflow.parentRunId"
_INTERVAL = "_interval"
KEY_TAG = "distil.key"
MLFLOW_STATUS = {"running": "RUNNING", "finished": "FINISHED", "failed": "FAILED"}


def milliseconds(moment: str | None) -> int | None:
    """An ISO 8601 time in milliseconds since 1970."""
    return None if moment is None else round(datetime.fromisoformat(moment).timestamp() * 1000)


def run_params(results: RunResults) -> dict[str, str]:
    """The resolved recipe, flattened."""
    return flatten(results["recipe"])


def run_tags(results: RunResults | SearchResults) -> dict[str, str]:
    """Where the run comes from and how it stands."""
    provenance = results.get("provenance") or {}
    tags = {
        "distil.state": results["state"],
        "distil.recipe_digest": results["run"].rpartition("-")[2],
        "mlflow.source.name": "distil",
        "mlflow.source.git.commit": provenance.get("git_commit"),
        "distil.git_dirty": provenance.get("git_dirty"),
        "distil.python": provenance.get("python"),
        "distil.platform": provenance.get("platform"),
        "distil.device": provenance.get("device"),
    }
    for name, version in (provenance.get("versions") or {}).items():
        tags[f"distil.version.{name}"] = version
    return _text(tags)


def run_metrics(results: RunResults) -> dict[str, float]:
    """Counts of the data and figures of the signals."""
    data = {f"data/{name}": split for name, split in splits(results).items()}
    signals = {f"signals/{one['teacher']}/{one['split']}": one for one in results.get("signals") or []}
    return numbers({**data, **signals})


def splits(results: RunResults) -> dict[str, dict[str, Any]]:
    """The data's splits by name."""
    return (results.get("data") or {}).get("splits") or {}


def model_params(model: ModelResults) -> dict[str, str]:
    """The hyper-parameters of a model."""
    return flatten(model["settings"])


def model_tags(model: ModelResults) -> dict[str, str]:
    """What a model is, and where it lies."""
    tags = {f"distil.{name}": model.get(name) for name in ("role", "digest", "folder", "reused", "transductive")}
    return _text(tags)


def model_metrics(model: ModelResults) -> dict[str, float]:
    """The final figures of a model: its metrics, their intervals, parameters, training/*, latency_*, weights/*."""
    evaluation = dict(model.get("evaluation") or {})
    for key in [key for key in evaluation if key.endswith(_INTERVAL)]:
        name, bounds = key.removesuffix(_INTERVAL), evaluation.pop(key)
        evaluation[f"{name}_low"], evaluation[f"{name}_high"] = bounds or (None, None)
    latency = {f"latency_{name}": value for name, value in (model.get("latency") or {}).items()}
    others = {name: model.get(name) for name in ("parameters", "training", "weights")}
    return numbers({**others, **latency, **evaluation})


def model_status(results: RunResults, model: ModelResults) -> str:
    """A model's status in MLflow: finished once evaluated, and otherwise as the run stands."""
    return "FINISHED" if model.get("evaluation") else MLFLOW_STATUS[results["state"]]


def _text(tags: dict[str, Any]) -> dict[str, str]:
    return {
        legal_key(name): clip(value if isinstance(value, str) else json.dumps(value), MAX_TAG)
        for name, value in tags.items()
        if value is not None
    }
