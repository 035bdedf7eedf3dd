"""Tables: the rows of a run's models, numbers and values as people read them, and Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from distil.framework.language.words import ENGLISH, Words
from distil.framework.metrics import Metric
from distil.framework.outcome import ComparisonResults, DifferenceResults, ModelResults, RunResults
from distil.framework.tasks.registry import TaskSummary, summary_in

NOTHING = "–"


def table_columns(results: RunResults, words: Words = ENGLISH) -> tuple[str, ...]:
    """The names of the columns of `table_rows`: the task's metrics are among them."""
    task = summary_in(results)
    labels = " / ".join(metric.label for metric in task.metrics)
    variants = [words("variant", variant=variant, labels=labels) for variant in variants_in(results)]
    first = (words("model"), words("role"), words("parameters"))
    usage = [words("usage column")] if _has_usage(results) else []
    return *first, *metric_columns(task.metrics, words), *variants, *usage, words("latency")


def table_rows(results: RunResults, words: Words = ENGLISH) -> list[tuple[str, ...]]:
    """One row of text a model, under `table_columns`; what is not known yet is a dash."""
    task, variants, usage = summary_in(results), variants_in(results), _has_usage(results)
    return [_row(model, task.metrics, variants, usage, words) for model in results.get("models") or []]


def _has_usage(results: RunResults) -> bool:
    """Whether any of the models is asked at a price."""
    return any("usage" in model for model in results.get("models") or [])


def variants_in(results: RunResults) -> list[str]:
    """The task's variants that any of the models was measured by."""
    measured = [model.get("evaluation") or {} for model in results.get("models") or []]
    return [variant for variant in summary_in(results).variants if any(variant in found for found in measured)]


def metric_columns(metrics: Iterable[Metric], words: Words = ENGLISH) -> tuple[str, ...]:
    """The names of columns of `with_interval`."""
    return tuple(words("with interval", label=metric.label) for metric in metrics)


def comparison_columns(task: TaskSummary, words: Words = ENGLISH) -> tuple[str, ...]:
    """The names of the columns of `comparison_rows`."""
    differences = (words("difference", label=metric.label) for metric in task.metrics)
    return words("model"), words("against"), *differences, words("other answers")


def comparison_rows(
    comparisons: Iterable[ComparisonResults], task: TaskSummary, words: Words = ENGLISH
) -> list[tuple[str, ...]]:
    """One row of text a comparison, under `comparison_columns`."""
    return [
        (
            one["model"],
            one["against"],
            *(_difference(one["metrics"].get(metric.name), metric) for metric in task.metrics),
            _differing(one, words),
        )
        for one in comparisons
    ]


def _differing(one: ComparisonResults, words: Words) -> str:
    if one["differing"] is None:
        return NOTHING
    return words("of", part=f"{one['differing']:,}", whole=f"{one['examples'] * one['seeds']:,}")


def _difference(found: DifferenceResults | None, metric: Metric) -> str:
    if found is None:
        return NOTHING
    low, high = found["interval"]
    value, *bounds = metric.beside([found["difference"], low, high], signed=True)
    return f"{value} [{', '.join(bounds)}]"


def markdown_rows(columns: Sequence[str], rows: Iterable[Sequence[str]], left: int) -> str:
    """A table in Markdown, its first `left` columns aligned to the left."""
    rule = ["---" if index < left else "---:" for index in range(len(columns))]
    lines = [columns, rule, *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def money(cost: float) -> str:
    """A cost in any currency: 1,204.50, 0.25, 0.0021."""
    return f"{cost:,.2f}" if cost >= 0.1 or cost == 0 else f"{cost:.2g}"


def short_count(count: int | None) -> str:
    """A number of parameters as people write it: 178M, 0.9M, 412K. None has a model of which nobody says, such as one behind a server."""
    if not count:
        return NOTHING
    if count < 1000:
        return str(count)
    if count < 500_000:
        return f"{count / 1e3:.0f}K"
    if count < 9_950_000:
        return f"{count / 1e6:.1f}M"
    return f"{count / 1e6:.0f}M" if count < 999_500_000 else f"{count / 1e9:.1f}B"


def parameters_in_words(model: ModelResults) -> str:
    """How many parameters a model has and, where that is not fp32, in what numbers they are held: 7.2B, nf4."""
    dtype = model.get("dtype")
    return short_count(model.get("parameters")) + (f", {dtype}" if dtype not in (None, "fp32") else "")


def gigabytes(count: float) -> str:
    """Bytes as 10⁹ of them."""
    return f"{count / 1e9:.2f} GB"


def training_memory(own: float, live: Mapping[str, float]) -> str:
    """Bytes of a training. live: the weights of the teachers that run beside it, by name."""
    return gigabytes(own + sum(live.values())) + (f" with {', '.join(live)}" if live else "")


def short_value(value: object) -> str:
    """A value of a recipe in one line."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict | list):
        return yaml.safe_dump(value, default_flow_style=True, width=1000, allow_unicode=True).strip()
    return str(value)


def with_interval(evaluation: Mapping[str, Any], metric: Metric) -> str:
    """A figure with its interval."""
    value, interval = evaluation.get(metric.name), evaluation.get(f"{metric.name}_interval")
    if value is None:
        return NOTHING
    if not interval:
        return metric.text(value)
    figure, *bounds = metric.beside([value, *interval])
    return f"{figure} [{', '.join(bounds)}]"


def milliseconds_pair(first: float | None, second: float | None) -> str:
    """Two times side by side."""
    return _beside([None if value is None else f"{value:.1f}" for value in (first, second)])


def _milliseconds(latency: Mapping[str, float]) -> str:
    """A median with the quartiles, which results of before do not have."""
    if "median_ms" not in latency:
        return NOTHING
    quartiles = [f"{latency[name]:.1f}" for name in ("q1_ms", "q3_ms") if name in latency]
    return f"{latency['median_ms']:.1f}" + (f" [{', '.join(quartiles)}]" if quartiles else "")


def _beside(texts: Sequence[str | None]) -> str:
    if not any(texts):
        return NOTHING
    return " / ".join(NOTHING if text is None else text for text in texts)


def _variant(figures: Mapping[str, float], metrics: Sequence[Metric]) -> str:
    return _beside([metric.text(figures[metric.name]) if metric.name in figures else None for metric in metrics])


def _usage(usage: Mapping[str, Any]) -> str:
    """Tokens read and written, their price, and seconds an example, of what asking a model has taken."""
    if not usage:
        return NOTHING
    tokens = f"{usage['input_tokens'] + usage['output_tokens']:,}"
    return _beside([tokens, None if usage["cost"] is None else money(usage["cost"]), f"{usage['seconds']:.2f}"])


def _row(
    model: ModelResults, metrics: Sequence[Metric], variants: Sequence[str], usage: bool, words: Words
) -> tuple[str, ...]:
    evaluation = model.get("evaluation") or {}
    latency, role = model.get("latency") or {}, words(model["role"])
    return (
        model["name"],
        words("transductive", role=role) if model.get("transductive") else role,
        parameters_in_words(model),
        *(with_interval(evaluation, metric) for metric in metrics),
        *(_variant(evaluation.get(variant) or {}, metrics) for variant in variants),
        *([_usage(model.get("usage") or {})] if usage else []),
        _milliseconds(latency),
    )
