"""The table of a run, from its `results.json`: for a terminal and in Markdown."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from distil.framework.digest import in_words
from distil.framework.files import Json
from distil.framework.language.words import ENGLISH, Words
from distil.framework.metrics import metrics_in_words
from distil.framework.outcome import ModelResults, RunResults, SignalResults, counts_of
from distil.framework.tables import (
    NOTHING,
    comparison_columns,
    comparison_rows,
    markdown_rows,
    money,
    table_columns,
    table_rows,
)
from distil.framework.tasks.registry import summary_in
from distil.framework.training.selection import in_words as kept_in_words

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

Cells = tuple[str, ...]
PlainTable = tuple[Cells, list[Cells]]  # columns, and rows


def rich_table(results: RunResults) -> "Table":
    """The table for a terminal."""
    from rich.table import Table

    table = Table(title=results["run"], caption=accepted_line(results) or None)
    for index, column in enumerate(table_columns(results)):
        table.add_column(column, justify="left" if index < 2 else "right")
    for row in table_rows(results):
        table.add_row(*row)
    return table


def print_report(results: RunResults, console: "Console") -> None:
    """Print the table, and below it whether it paid."""
    console.print(rich_table(results))
    for sentence in results.get("conclusions") or []:
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)


def markdown_table(results: RunResults) -> str:
    """The table, the counts of the data, the signals and the ensemble in Markdown; equal results give equal texts."""
    table = markdown_rows(table_columns(results), table_rows(results), left=2)
    parts = [f"# {results['run']}", state_line(results), table]
    if results.get("comparisons"):
        task = summary_in(results)
        rows = comparison_rows(results["comparisons"], task)
        parts += ["## Did it pay?", *results["conclusions"], markdown_rows(comparison_columns(task), rows, left=2)]
    student = _model_of_role(results, "student")
    trimmed = student.get("trimmed", {}) if student is not None else {}
    if "tokens" in trimmed:
        left = (f"{trimmed[name]:,} of {trimmed[f'{name}_before']:,} {name}" for name in ("tokens", "parameters"))
        parts.append(f"The student's vocabulary is trimmed: {' and '.join(left)} are left.")
    splits = (results.get("data") or {}).get("splits") or {}
    if splits:
        rows = [(name, *map(_count, counts_of(split))) for name, split in splits.items()]
        parts += ["## Data", markdown_rows(("split", "examples", "unlabelled", "repaired", "dropped"), rows, left=1)]
        noted = [row for name, split in splits.items() for row in _noted(name, split.get("notes") or {})]
        if noted:
            parts.append(markdown_rows(("split", "what was done to examples", "ids", "examples"), noted, left=3))
    if results.get("signals"):
        parts += ["## Signals", markdown_rows(*_signals(results["signals"]), left=2)]
    ensemble = ensemble_table(results)
    if ensemble is not None:
        parts += ["## Ensemble", markdown_rows(*ensemble, left=1)]
    return "\n\n".join(parts) + "\n"


def accepted_line(results: RunResults, words: Words = ENGLISH) -> str:
    """Which results other versions have made, in a sentence; empty if none were accepted."""
    accepted = results.get("accepted") or []
    if not accepted:
        return ""
    found = "; ".join(f"{one['stage']} {in_words(one['versions'], words)}" for one in accepted)
    return words("accepted", found=found)


def taught_line(results: RunResults, words: Words = ENGLISH) -> str:
    """What share of the texts teachers teach the student, in a sentence; empty where that is all of them."""
    student = _model_of_role(results, "student")
    share = ((student.get("training") if student is not None else None) or {}).get("taught_share")
    return "" if share is None or share > 0.99995 else words("taught", share=f"{share:.2%}")


def ensemble_table(results: RunResults, words: Words = ENGLISH) -> PlainTable | None:
    """What each teacher weighs in the ensemble, columns and rows; None where that is not known."""
    ensemble, student = _model_of_role(results, "ensemble"), _model_of_role(results, "student")
    if ensemble is None or not ensemble.get("weights") or ensemble["evaluation"] is None:
        return None
    measured = words("weight on", split=ensemble["evaluation"]["split"])
    rows = _ensemble(ensemble["weights"], (student.get("training") if student is not None else None) or {})
    return (words("teacher"), measured, words("weight for student"), words("temperature")), rows


def _noted(name: str, notes: Json) -> list[tuple[str, ...]]:
    """A row for each kind of note on a split's questions, with the ids of the first of them."""
    rows: list[tuple[str, ...]] = []
    for kind, note in notes.items():
        ids = [" ".join(id.split()) for id in note["first"]] + ["…"] * (note["questions"] > len(note["first"]))
        rows.append((name, note.get("meaning", kind), ", ".join(ids), _count(note["questions"])))
    return rows


def _signals(signals: Sequence[SignalResults]) -> PlainTable:
    """Columns and rows; null stands there where a teacher may say it."""
    nulls = any(signal.get("null_mass") for signal in signals)
    columns = ("teacher", "split", "examples", "bytes an example", *(("null mass",) if nulls else ()), "moved mass")
    return columns, [_signal(signal, nulls) for signal in signals]


def _signal(signal: SignalResults, null: bool) -> Cells:
    size = signal.get("bytes_per_example")
    return (
        signal["teacher"],
        signal["split"],
        _count(signal.get("examples")),
        NOTHING if size is None else f"{size:.0f}",
        *((_share(signal.get("null_mass")),) if null else ()),
        _share(signal.get("moved_mass")),
    )


def _ensemble(weights: Json, training: Json) -> list[tuple[str, ...]]:
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


def _model_of_role(results: RunResults, role: str) -> ModelResults | None:
    """The only model of this role; None if there is none."""
    return next((model for model in results["models"] if model["role"] == role), None)


def _count(count: int | None) -> str:
    return NOTHING if count is None else f"{count:,}"


def state_line(results: RunResults, words: Words = ENGLISH) -> str:
    """How the run stands, on what its models were measured, and what other versions have made, in a sentence or three."""
    said = [words("state", state=words(results["state"])), _measured_line(results, words)]
    said += [
        unlocated_line(results, words),
        unread_line(results, words),
        taught_line(results, words),
        usage_line(results, words),
        selection_line(results, words),
        rounds_line(results, words),
        _latency_line(results, words),
        accepted_line(results, words),
    ]
    return " ".join(filter(None, said))


def _measured_line(results: RunResults, words: Words) -> str:
    """What figures are in, and on what they were measured; empty if nothing was measured."""
    evaluations = [found for model in results["models"] if (found := model["evaluation"])]
    task = summary_in(results)
    measured = dict.fromkeys((one["split"], one["examples"]) for one in evaluations)
    told = [words("of split", items=words.counted(task.items, count), split=split) for split, count in sorted(measured)]
    if not told:
        return ""
    return words("measured", metrics=metrics_in_words(task.metrics, words), measured=words.listed(told))


def unlocated_line(results: RunResults, words: Words = ENGLISH) -> str:
    """How much of what generative models wrote their texts do not hold, in a sentence; empty if all of it is there."""
    return _shares_line(results, "unlocated", words)


def unread_line(results: RunResults, words: Words = ENGLISH) -> str:
    """How much of the texts the figures of models say nothing of, in a sentence; empty where they are of all."""
    return _shares_line(results, "unread", words)


def _shares_line(results: RunResults, which: str, words: Words) -> str:
    shares = {model["name"]: (model["evaluation"] or {}).get(which) for model in results["models"]}
    told = [
        words(f"{which} share", share=words.figures(f"{share:.1%}"), name=name)
        for name, share in shares.items()
        if share
    ]
    return words(which, shares=", ".join(told)) if told else ""


def usage_line(results: RunResults, words: Words = ENGLISH) -> str:
    """What asking language models behind servers took, in a sentence each; empty if there are none."""
    return " ".join(
        usage_sentence(model["name"], usage, words)
        for model in results["models"]
        if (usage := model.get("usage")) is not None
    )


def usage_sentence(name: str, usage: Json, words: Words = ENGLISH) -> str:
    """What asking the language model `name` took."""
    cost = usage["cost"]
    return words(
        "usage",
        name=name,
        requests=words.figures(f"{usage['requests']:,}"),
        tokens=words.figures(f"{usage['input_tokens'] + usage['output_tokens']:,}"),
        cost="" if cost is None else words("usage cost", cost=words.figures(money(cost))),
        seconds=words.figures(f"{usage['seconds']:.2f}"),
        invalid=words.figures(f"{usage['invalid']:.1%}"),
    )


def selection_line(results: RunResults, words: Words = ENGLISH) -> str:
    """Which weights of models that were measured on the way are kept, and why their trainings ended; empty if there are none."""
    metrics = {metric.name: metric for metric in summary_in(results).metrics}
    said = []
    for model in results["models"]:
        training = model.get("training") or {}
        if "selection" in training:
            metric = metrics[training["selection"]["metric"]]
            said.append(kept_in_words(model["name"], training, model["settings"], metric, words))
    return " ".join(said)


def rounds_line(results: RunResults, words: Words = ENGLISH) -> str:
    """What students were worth after each round on texts of their own, in a sentence each; empty if there were none."""
    said = []
    for model in results["models"]:
        found = [one["evaluation"] for one in model.get("rounds", []) if "evaluation" in one]
        figures = [
            f"{metric.label} {', '.join(words.figures(metric.text(one[metric.name])) for one in found)}"
            for metric in summary_in(results).metrics
            if found and all(metric.name in one for one in found)
        ]
        if figures:
            said.append(words("rounds", name=model["name"], figures="; ".join(figures)))
    return " ".join(said)


def _latency_line(results: RunResults, words: Words) -> str:
    """How latencies were measured, in a sentence; empty if none was, or before models took turns."""
    timed = [found for model in results["models"] if (found := model["latency"]) and "q1_ms" in found]
    if not timed:
        return ""
    items = words.counted(summary_in(results).items, timed[0]["questions"])
    return words("timed", items=items, threads=words("threads", timed[0]["threads"]))
