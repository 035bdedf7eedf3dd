"""Tables: the rows of a run's models, numbers and values as people read them, and Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

NOTHING = "–"
COLUMNS = (
    "model",
    "role",
    "parameters",
    "EM [95% interval]",
    "F1 [95% interval]",
    "russian EM / F1",
    "latency median / p95, ms",
)


def table_rows(results: dict[str, Any]) -> list[tuple[str, ...]]:
    """One row of text a model, under `COLUMNS`; what is not known yet is a dash."""
    return [_row(model) for model in results.get("models") or []]


def markdown_rows(columns: Sequence[str], rows: Iterable[Sequence[str]], left: int) -> str:
    """A table in Markdown, its first `left` columns aligned to the left."""
    rule = ["---" if index < left else "---:" for index in range(len(columns))]
    lines = [columns, rule, *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def short_count(count: int | None) -> str:
    """A number of parameters as people write it: 178M, 0.9M, 412K."""
    if count is None:
        return NOTHING
    if count < 1000:
        return str(count)
    if count < 500_000:
        return f"{count / 1e3:.0f}K"
    if count < 9_950_000:
        return f"{count / 1e6:.1f}M"
    return f"{count / 1e6:.0f}M" if count < 999_500_000 else f"{count / 1e9:.1f}B"


def gigabytes(count: float) -> str:
    """Bytes as 10⁹ of them."""
    return f"{count / 1e9:.2f} GB"


def training_memory(own: float, live: Mapping[str, float]) -> str:
    """Bytes of a training. live: the weights of the teachers that run beside it, by name."""
    return gigabytes(own + sum(live.values())) + (f" with {', '.join(live)}" if live else "")


def short_value(value: Any) -> str:
    """A value of a recipe in one line."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict | list):
        return yaml.safe_dump(value, default_flow_style=True, width=1000, allow_unicode=True).strip()
    return str(value)


def with_interval(evaluation: Mapping[str, Any], name: str) -> str:
    """A figure with its interval."""
    value, interval = evaluation.get(name), evaluation.get(f"{name}_interval")
    if value is None:
        return NOTHING
    return f"{value:.1f} [{interval[0]:.1f}, {interval[1]:.1f}]" if interval else f"{value:.1f}"


def pair(first: float | None, second: float | None) -> str:
    """Two figures side by side."""
    if first is None and second is None:
        return NOTHING
    return " / ".join(NOTHING if value is None else f"{value:.1f}" for value in (first, second))


def _row(model: dict[str, Any]) -> tuple[str, ...]:
    evaluation = model.get("evaluation") or {}
    russian = evaluation.get("russian") or {}
    latency = model.get("latency") or {}
    return (
        model["name"],
        f"{model['role']}, transductive" if model.get("transductive") else model["role"],
        short_count(model.get("parameters")),
        with_interval(evaluation, "exact_match"),
        with_interval(evaluation, "f1"),
        pair(russian.get("exact_match"), russian.get("f1")),
        pair(latency.get("median_ms"), latency.get("p95_ms")),
    )
