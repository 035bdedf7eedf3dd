"""The table of a run, from its `results.json`: for a terminal and in Markdown."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

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
EnsembleTable = tuple[tuple[str, ...], list[tuple[str, ...]]]


def table_rows(results: dict[str, Any]) -> list[tuple[str, ...]]:
    """One row of text a model, under `COLUMNS`; what is not known yet is a dash."""
    return [_row(model) for model in results.get("models") or []]


def rich_table(results: dict[str, Any]) -> "Table":
    """The table for a terminal."""
    from rich.table import Table

    table = Table(title=results["run"])
    for index, column in enumerate(COLUMNS):
        table.add_column(column, justify="left" if index < 2 else "right")
    for row in table_rows(results):
        table.add_row(*row)
    return table


def markdown_table(results: dict[str, Any]) -> str:
    """The table, the counts of the data, the signals and the ensemble in Markdown; equal results give equal texts."""
    parts = [f"# {results['run']}", state_line(results), markdown_cells(COLUMNS, table_rows(results), left=2)]
    splits = (results.get("data") or {}).get("splits") or {}
    if splits:
        counts = ("examples", "questions_unlabelled", "repaired", "dropped")
        rows = [(name, *(_count(split.get(count)) for count in counts)) for name, split in splits.items()]
        parts += ["## Data", markdown_cells(("split", "examples", "unlabelled", "repaired", "dropped"), rows, left=1)]
    if results.get("signals"):
        columns = ("teacher", "split", "examples", "bytes an example", "null mass", "moved mass")
        parts += ["## Signals", markdown_cells(columns, [_signal(signal) for signal in results["signals"]], left=2)]
    ensemble = ensemble_table(results)
    if ensemble is not None:
        parts += ["## Ensemble", markdown_cells(*ensemble, left=1)]
    return "\n\n".join(parts) + "\n"


def ensemble_table(results: dict[str, Any]) -> EnsembleTable | None:
    """What each teacher weighs in the ensemble, columns and rows; None where that is not known."""
    ensemble = _model_of_role(results, "ensemble")
    if not ensemble.get("weights"):
        return None
    measured = f"weight on `{ensemble['evaluation']['split']}`"
    rows = _ensemble(ensemble["weights"], _model_of_role(results, "student").get("training") or {})
    return ("teacher", measured, "weight for the student", "temperature"), rows


def markdown_cells(columns: tuple[str, ...], rows: list[tuple[str, ...]], left: int) -> str:
    """A Markdown table, of whose columns so many at the left are aligned there."""
    rule = ["---" if index < left else "---:" for index in range(len(columns))]
    lines = [columns, rule, *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def state_line(results: dict[str, Any]) -> str:
    """How the run stands, and on what its models were measured, in a sentence or two."""
    evaluations = [model["evaluation"] for model in results.get("models") or [] if model.get("evaluation")]
    measured = sorted({f"{one['examples']:,} questions of `{one['split']}`" for one in evaluations})
    on = f" EM and F1 in percent, on {' and '.join(measured)}." if measured else ""
    return f"State: {results['state']}.{on}"


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


def _row(model: dict[str, Any]) -> tuple[str, ...]:
    evaluation = model.get("evaluation") or {}
    russian = evaluation.get("russian") or {}
    latency = model.get("latency") or {}
    return (
        model["name"],
        f"{model['role']}, transductive" if model.get("transductive") else model["role"],
        short_count(model.get("parameters")),
        _with_interval(evaluation, "exact_match"),
        _with_interval(evaluation, "f1"),
        _pair(russian.get("exact_match"), russian.get("f1")),
        _pair(latency.get("median_ms"), latency.get("p95_ms")),
    )


def _with_interval(evaluation: dict[str, Any], name: str) -> str:
    value, interval = evaluation.get(name), evaluation.get(f"{name}_interval")
    if value is None:
        return NOTHING
    return f"{value:.1f} [{interval[0]:.1f}, {interval[1]:.1f}]" if interval else f"{value:.1f}"


def _pair(first: float | None, second: float | None) -> str:
    if first is None and second is None:
        return NOTHING
    return " / ".join(NOTHING if value is None else f"{value:.1f}" for value in (first, second))


def _signal(signal: dict[str, Any]) -> tuple[str, ...]:
    size = signal.get("bytes_per_example")
    return (
        signal["teacher"],
        signal["split"],
        _count(signal.get("examples")),
        NOTHING if size is None else f"{size:.0f}",
        _share(signal.get("null_mass")),
        _share(signal.get("moved_mass")),
    )


def _ensemble(weights: dict[str, Any], training: dict[str, Any]) -> list[tuple[str, ...]]:
    """A row a teacher: its weight when the ensemble was measured, and what the student's training noted of it."""
    taught, temperatures = training.get("weights") or {}, training.get("teacher_temperature") or {}
    return [
        (name, _spread(weight), _spread(taught.get(name)), f"{temperatures[name]:.2f}" if taught else NOTHING)
        for name, weight in weights.items()
    ]


def _spread(figure: dict[str, float] | None) -> str:
    return NOTHING if figure is None else f"{figure['mean']:.2f} ± {figure['std']:.2f}"


def _share(share: float | None) -> str:
    return NOTHING if share is None else f"{share:.2%}"


def _model_of_role(results: dict[str, Any], role: str) -> dict[str, Any]:
    """The only model of this role; empty if there is none."""
    return next((model for model in results.get("models") or [] if model["role"] == role), {})


def _count(count: int | None) -> str:
    return NOTHING if count is None else f"{count:,}"
