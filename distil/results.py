"""What a run has found out, with its files at hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from distil._given import name_of, path_of
from distil.differences import Comparison, comparison_of, differences_frame
from distil.framework.errors import OutputError
from distil.framework.files import Json, read_json, read_json_lines
from distil.framework.outcome import ModelResults, Role, RunResults
from distil.framework.recipe.load import recipe_from_values
from distil.framework.recipe.schema import Recipe
from distil.framework.results import model_of
from distil.framework.tasks.base import Task
from distil.framework.tasks.registry import TaskSummary, summary_in, task_of
from distil.launch.inspect import results_of

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped]

    from distil.framework.data.example import Example
    from distil.framework.signals.algebra import Signals


@dataclass(frozen=True)
class Model:
    """A model of a run, or its ensemble.

    metrics: the task's, by name, as in docs/results.md (exact_match and f1, in percent), empty until it is measured; intervals: of these
    the 95 % bootstrap intervals; parameters: None where there are none to count.
    """

    name: str
    role: Role
    parameters: int | None
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    run: Path
    record: ModelResults

    @property
    def folder(self) -> Path | None:
        """Its weights and tokenizer, in Hugging Face form; None for an ensemble, and for a teacher without a model."""
        folder = self.record["folder"]
        return None if folder is None else self.run.parent / folder

    @property
    def latency_ms(self) -> float | None:
        """The median time to answer one request, in milliseconds; None where it was not measured."""
        median = (self.record["latency"] or {}).get("median_ms")
        return None if median is None else float(median)

    @cached_property
    def predictions(self) -> Mapping[str, Json]:
        """What it answered about each example of the evaluation split, by id. Raises OutputError before it is measured, and where the run's
        folder is gone."""
        if self.record["predictions"] is None:
            raise OutputError(f"'{self.name}' of {self.run} is not measured yet; run its recipe again to finish it")
        path = self.run / self.record["predictions"]
        if not path.exists():
            raise OutputError(f"{path} is gone; run the recipe again, which writes it anew")
        found: dict[str, Json] = read_json(path)
        return found

    @cached_property
    def history(self) -> Sequence[Json]:
        """The rows of its training history, as in docs/results.md; none of a model that was not trained."""
        path = self.record["history"]
        return read_json_lines(self.run.parent / path) if path is not None and (self.run.parent / path).exists() else []


@dataclass(frozen=True)
class SignalTable:
    """A teacher's output distributions on a split. ids: of its examples, in their order; signals: about them, as columns."""

    ids: Sequence[str]
    signals: "Signals"

    def to_pandas(self) -> "pandas.DataFrame":
        """A row for each outcome that is named, and one for what is left out of a head: id, head (from 0), outcome (-1: none of the
        others; missing: those left out), log_p (natural, at temperature 1) and outcomes (how many the row stands for)."""
        import pandas

        signals = self.signals
        entries, heads = np.diff(signals.rows), np.diff(signals.heads)
        example = np.repeat(np.arange(len(signals)), heads)  # of each head
        head = np.arange(len(example)) - np.repeat(signals.heads[:-1], heads)
        of_entry, tails = np.repeat(np.arange(len(example)), entries), np.flatnonzero(signals.tail_size > 0)
        owner = np.concatenate([of_entry, tails])
        frame = pandas.DataFrame(
            {
                "id": np.asarray(self.ids, dtype=object)[example[owner]],
                "head": head[owner],
                "outcome": pandas.array([*signals.keys.tolist(), *[None] * len(tails)], dtype="Int64"),
                "log_p": np.concatenate([signals.log_p, signals.tail[tails]]),
                "outcomes": np.concatenate([np.ones(len(of_entry), np.int64), signals.tail_size[tails]]),
            }
        )
        return frame.iloc[np.argsort(owner, kind="stable")].reset_index(drop=True)


@dataclass(frozen=True)
class Run:
    """A run, finished or not: `run["student"]` is one of its models. results: results.json, as docs/results.md has it."""

    folder: Path
    results: RunResults

    @cached_property
    def models(self) -> Mapping[str, Model]:
        """Its models by name, in the order of the table."""
        return {record["name"]: self._model(record) for record in self.results["models"]}

    def __getitem__(self, name: str) -> Model:
        """A model by name. Raises OutputError if there is none."""
        return self.models[model_of(self.folder, self.results, name_of(name, "a model's name"))["name"]]

    @cached_property
    def comparisons(self) -> Sequence[Comparison]:
        """Whether it paid: each student beside its baselines, the ensemble beside its best member, teachers beside the student without any,
        by the task's metrics. None before all are measured."""
        return [comparison_of(found) for found in self.results.get("comparisons", [])]

    @property
    def conclusions(self) -> Sequence[str]:
        """What the comparisons say by the primary metric, and what they leave open, in sentences."""
        return self.results.get("conclusions", [])

    def differences_to_pandas(self) -> "pandas.DataFrame":
        """A row for each comparison and metric, with the difference, its interval and its verdict."""
        return differences_frame(self.comparisons)

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe, with all defaults filled in."""
        return recipe_from_values(self.results["recipe"], str(self.folder / "results.json"))

    @cached_property
    def task(self) -> Task:
        """The task, with what the data have decided about it."""
        return task_of(self.results, self.recipe.task)

    def examples(self, split: str) -> "Sequence[Example]":
        """The examples of a split of the recipe's data, in their order; each has an id, texts and, if it is labelled, its label.

        Raises OutputError where there is no such split, DataError for data that cannot be had any more or have changed.
        """
        from distil.framework.data.load import unchanged_split

        splits = self.results["data"]["splits"]
        if name_of(split, "a split's name") not in splits:
            raise OutputError(f"{self.folder} has no split '{split}'; it has {', '.join(splits)}")
        return unchanged_split(self.recipe.data, self.recipe.task, split, splits[split]["digest"]).examples

    def signals(self, teacher: str, split: str) -> SignalTable:
        """A teacher's signals on a split, in the order of its examples.

        Raises OutputError where the teacher was not asked about that split, or the signals are gone, and as `examples` does.
        """
        from distil.framework.signals.shards import SignalReader

        asked = {(one["teacher"], one["split"]): one["digest"] for one in self.results["signals"]}
        wanted = (name_of(teacher, "a teacher's name"), name_of(split, "a split's name"))
        folder = self.folder.parent / "store" / "signals" / str(asked.get(wanted))
        if wanted in asked and not folder.is_dir():
            raise OutputError(
                f"{folder}, the signals of {teacher} on '{split}', is gone; run the recipe again, which asks anew"
            )
        if wanted not in asked:
            legal = ", ".join(f"{one} on '{part}'" for one, part in asked)
            raise OutputError(f"{self.folder} has no signals of {teacher} on '{split}'; it has {legal or 'none'}")
        examples = self.examples(split)
        return SignalTable([example.id for example in examples], SignalReader(folder).signals(examples))

    def to_pandas(self) -> "pandas.DataFrame":
        """The table: a row for each model, with its role, parameters, latency, metrics, and the bounds of their intervals."""
        import pandas

        rows = []
        for model in self.models.values():
            bounds = {
                f"{name}_{end}": bound
                for name, interval in model.intervals.items()
                for end, bound in zip(("low", "high"), interval, strict=True)
            }
            own = {
                "model": model.name,
                "role": model.role,
                "parameters": model.parameters,
                "latency_ms": model.latency_ms,
            }
            rows.append({**own, **model.metrics, **bounds})
        return pandas.DataFrame(rows).set_index("model")

    def to_markdown(self) -> str:
        """What results.md holds."""
        from distil.tracking.report import markdown_table

        return markdown_table(self.results)

    _repr_markdown_ = to_markdown  # by which a notebook shows it

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}, {self.results['state']}: {', '.join(self.models)})"

    @cached_property
    def _task(self) -> TaskSummary:
        return summary_in(self.results)

    def _model(self, record: ModelResults) -> Model:
        measured, names = record["evaluation"] or {}, [metric.name for metric in self._task.metrics]
        intervals = {name: measured[f"{name}_interval"] for name in names if f"{name}_interval" in measured}
        return Model(
            name=record["name"],
            role=record["role"],
            parameters=record["parameters"],
            metrics={name: float(measured[name]) for name in names if name in measured},
            intervals={name: (float(low), float(high)) for name, (low, high) in intervals.items()},
            run=self.folder,
            record=record,
        )


def load_run(folder: "str | PathLike[str]") -> Run:
    """The run in a folder, as `distil run` leaves it. Raises OutputError if there is none, StoreError for a damaged one."""
    path = path_of(folder, "the folder of a run").absolute()
    return Run(path, results_of(path))
