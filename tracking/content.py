"""What of a run's files goes where in MLflow: parameters, metrics and tags of `results.json`, metrics of `history.jsonl`, with names
and values within MLflow's limits, which are in characters."""

import getpass
import json
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from distil.framework.digest import digest_of_strings
from distil.framework.files import Json
from distil.framework.outcome import ModelResults, Outcome, RunResults, SplitResults
from distil.framework.tables import markdown_rows, table_columns, table_rows
from distil.framework.tasks.registry import summary_in

PARENT_TAG = "mlflow.parentRunId"
_INTERVAL = "_interval"
KEY_TAG = "distil.key"
DESCRIPTION = "mlflow.note.content"
MLFLOW_STATUS = {"running": "RUNNING", "finished": "FINISHED", "failed": "FAILED"}


EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
"""Of the experiment: it is about training models, and not about applications of language models; pages of MLflow that ask go by it."""


def milliseconds(moment: str | None) -> int | None:
    """An ISO 8601 time in milliseconds since 1970."""
    return None if moment is None else round(datetime.fromisoformat(moment).timestamp() * 1000)


def run_params(results: RunResults) -> dict[str, str]:
    """The resolved recipe, flattened."""
    return flatten(results["recipe"])


def origin_tags() -> dict[str, str]:
    """Who made a run or a model, and by what, as MLflow's pages name it."""
    return _text({"mlflow.source.name": "distil", "mlflow.source.type": "LOCAL", "mlflow.user": _user()})


def run_tags(results: Outcome) -> dict[str, str]:
    """Where the run comes from and how it stands."""
    provenance = results.get("provenance") or {}
    tags: dict[str, object] = {
        "distil.state": results["state"],
        "distil.recipe_digest": results["run"].rpartition("-")[2],
        "mlflow.source.git.commit": provenance.get("git_commit"),
        "distil.git_dirty": provenance.get("git_dirty"),
        "distil.python": provenance.get("python"),
        "distil.platform": provenance.get("platform"),
        "distil.device": provenance.get("device"),
    }
    for name, version in (provenance.get("versions") or {}).items():
        tags[f"distil.version.{name}"] = version
    return origin_tags() | _text(tags)


def _user() -> str | None:
    with suppress(KeyError, OSError, ImportError):  # a container may run as a number
        return getpass.getuser()
    return None


def described(*parts: str) -> dict[str, str]:
    """The description of a run or a model on MLflow's pages: paragraphs in Markdown; those that there is no room for are left out."""
    text = ""
    for part in parts:
        longer = f"{text}\n\n{part}".strip()
        text = longer if len(longer) <= MAX_DESCRIPTION else text
    return _text({DESCRIPTION: text or None})


def run_description(results: RunResults) -> dict[str, str]:
    """Whether it paid, in sentences, and the table of those models that are measured."""
    return described(
        *(results.get("conclusions") or []), _table(results, [model["name"] for model in results["models"]])
    )


def model_description(results: RunResults, model: ModelResults) -> dict[str, str]:
    """A model's row of the table; of the student also whether it paid."""
    said = results.get("conclusions") or [] if model["role"] == "student" else []
    return described(
        *said, _table(results, [model["name"]])
    )  # sentences first: lists of versions show the beginning as it is


def _table(results: RunResults, names: Sequence[str]) -> str:
    measured = {model["name"] for model in results["models"] if model.get("evaluation") and model["name"] in names}
    rows = [row for row in table_rows(results) if row[0] in measured]
    return markdown_rows(table_columns(results), rows, left=2) if rows else ""


def run_metrics(results: RunResults) -> dict[str, float]:
    """What every model came to, as `MODEL/METRIC`, and figures of the signals. Counts of the data are with the datasets."""
    models = {model["name"]: headline(results, model) for model in results["models"]}
    signals = {f"signals/{one['teacher']}/{one['split']}": one for one in results.get("signals") or []}
    return numbers({**models, **signals})


def headline(results: RunResults, model: ModelResults) -> dict[str, float]:
    """The task's metrics of a model, without their intervals and variants; none before it is measured."""
    evaluation = model.get("evaluation") or {}
    return numbers({metric.name: evaluation.get(metric.name) for metric in summary_in(results).metrics})


def table_figures(results: RunResults, model: ModelResults) -> list[str]:
    """Keys of the figures of a model by which it is compared with others: the task's metrics, size and latency."""
    return [*headline(results, model), "parameters", "latency_median_ms"]


def model_splits(results: RunResults, model: ModelResults) -> dict[str, SplitResults]:
    """The splits that a model was trained and evaluated on, by name."""
    used = (model["settings"].get("split"), (model.get("evaluation") or {}).get("split"))
    return {name: split for name, split in splits(results).items() if name in used}


def model_times(results: RunResults, model: ModelResults, first_row: int | None) -> tuple[int | None, int | None]:
    """When the making of a model was started and finished, in milliseconds; None as long as it is not.

    first_row: time of its history's first row, which may be of an earlier attempt.
    """
    begun = [moment for moment in (milliseconds(model.get("started")), first_row) if moment is not None]
    if not begun and model.get("evaluation"):  # results of before
        begun = [moment for moment in (milliseconds(results.get("started")),) if moment is not None]
    return min(begun, default=None), milliseconds(model.get("finished"))


def splits(results: RunResults) -> dict[str, SplitResults]:
    """The data's splits by name."""
    return (results.get("data") or {}).get("splits") or {}


def model_params(model: ModelResults) -> dict[str, str]:
    """The hyper-parameters of a model."""
    return flatten(model["settings"])


def model_tags(model: ModelResults) -> dict[str, str]:
    """What a model is, and where it lies."""
    tags = {f"distil.{name}": model.get(name) for name in ("role", "digest", "folder", "reused", "transductive")}
    return origin_tags() | _text(tags)


def difference_metrics(results: RunResults, name: str) -> dict[str, float]:
    """How much a model is above those that it is compared with: `versus/OTHER/METRIC`, and the ends of its interval."""
    flat: dict[str, float] = {}
    for one in results.get("comparisons") or []:
        if one["model"] == name:
            for metric, found in one["metrics"].items():
                low, high = found["interval"]
                ends = {metric: found["difference"], f"{metric}_low": low, f"{metric}_high": high}
                flat |= numbers({"versus": {one["against"]: ends}})
    return flat


def model_metrics(model: ModelResults) -> dict[str, float]:
    """The final figures of a model: its metrics, their intervals, latency_*, parameters, training/*, weights/*, usage/*, and of a student that
    learnt texts of its own round/NUMBER/*."""
    evaluation = dict(model.get("evaluation") or {})
    for key in [key for key in evaluation if key.endswith(_INTERVAL)]:
        name, bounds = key.removesuffix(_INTERVAL), evaluation.pop(key)
        evaluation[f"{name}_low"], evaluation[f"{name}_high"] = bounds or (None, None)
    latency = {f"latency_{name}": value for name, value in (model.get("latency") or {}).items()}
    others = {name: model.get(name) for name in ("parameters", "training", "weights", "usage")}
    rounds = {str(one["round"]): one.get("evaluation") for one in model.get("rounds", [])}
    return numbers({**evaluation, **latency, **others, "round": rounds})


def model_status(results: RunResults, model: ModelResults) -> str:
    """A model's status in MLflow: finished once evaluated, and otherwise as the run stands."""
    return "FINISHED" if model.get("evaluation") else MLFLOW_STATUS[results["state"]]


def _text(tags: Mapping[str, object]) -> dict[str, str]:
    return {
        legal_key(name): clip(value if isinstance(value, str) else json.dumps(value), MAX_TAG)
        for name, value in tags.items()
        if value is not None
    }


MAX_KEY = 250
MAX_PARAM = 6000
MAX_TAG = 8000
MAX_DESCRIPTION = 5000  # of a version of a registered model, and then of all


def legal_key(key: str) -> str:
    """`key` where MLflow takes it as it is; else a legal one, different for different keys."""
    legal = re.sub(r"[^\w.\-: /]", "_", key)
    if posixpath.normpath(legal) != legal or legal.startswith(("/", ".")):
        legal = "_" + legal.replace("/", "_")
    if len(legal) > MAX_KEY or legal != key:
        legal = f"{legal[: MAX_KEY - 17]}-{digest_of_strings([key])}"
    return legal


def clip(value: str, limit: int) -> str:
    """`value`, cut to `limit` characters with a mark where it was cut."""
    return value if len(value) <= limit else value[: limit - 1] + "…"


def flatten(value: object, prefix: str = "") -> dict[str, str]:
    """Nested mappings as dotted keys with text values: ``{"a": {"b": 1}}`` gives ``{"a.b": "1"}``.

    Lists stay together, as JSON; so do empty mappings.
    """
    if not isinstance(value, dict) or (prefix and not value):
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return {legal_key(prefix): clip(text, MAX_PARAM)}
    flat: dict[str, str] = {}
    for key, item in value.items():
        flat.update(flatten(item, f"{prefix}.{key}" if prefix else str(key)))
    return flat


def numbers(value: object, prefix: str = "") -> dict[str, float]:
    """The numbers in nested mappings, by keys joined with slashes; everything else is left out."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {legal_key(prefix): float(value)}
    flat: dict[str, float] = {}
    if isinstance(value, dict):
        for key, item in value.items():
            flat.update(numbers(item, f"{prefix}/{key}" if prefix else str(key)))
    return flat


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a history: the metrics of a step, or of an epoch that ended with that step."""

    kind: str
    step: int
    epoch: float
    milliseconds: int
    metrics: dict[str, float]


def new_lines(path: Path, last_step: Mapping[str, int]) -> Iterator[Line]:
    """Lines of `path` behind the last step already sent of their kind, in the order of the file.

    A run that was killed and resumes takes its history back to the last checkpoint and writes the same steps
    again; going by steps and not by bytes, those are passed over. A line that is still being written, or that
    a crash cut short, is passed over too.
    """
    if not path.exists():
        return
    reached = dict(last_step)
    for text in path.read_bytes().splitlines(keepends=True):
        line = _parse(text) if text.endswith(b"\n") else None
        if line is not None and line.step > reached.get(line.kind, -1):
            reached[line.kind] = line.step
            yield line


def first_time(path: Path) -> int | None:
    """The time of a history's first row, in milliseconds; None where there is none."""
    return next((line.milliseconds for line in new_lines(path, {})), None)


def _parse(text: bytes) -> Line | None:
    try:
        record: Json = json.loads(text)
        kind, step, epoch = str(record["kind"]), int(record["step"]), float(record["epoch"])
        time = float(record["time"])
        # An epoch's means have the same names as the last step's values, and the same step.
        prefix = "" if kind == "step" else f"{kind}/"
        metrics = {legal_key(prefix + name): float(value) for name, value in record["metrics"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return Line(kind, step, epoch, round(time * 1000), metrics)
