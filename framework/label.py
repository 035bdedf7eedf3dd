"""Labelling: what a recipe's teachers think, together, of every example of a split, written for use elsewhere."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from distil.framework.config import nearest_hint
from distil.framework.data.example import Example
from distil.framework.digest import Key, versions
from distil.framework.ensembles.source import EnsembleSource
from distil.framework.errors import OutputError, UserError, first_line
from distil.framework.files import Json, make_folder, read_json, write_json, written_beside
from distil.framework.plugins import settings_of
from distil.framework.progress import SILENT, Progress
from distil.framework.recipe.schema import Recipe
from distil.framework.recipe.splits import prompts_alone
from distil.framework.run import context_of, make
from distil.framework.signals.algebra import Signals
from distil.framework.signals.further import of_task
from distil.framework.signals.mixing import mix
from distil.framework.signals.silence import evened, silent
from distil.framework.signals.source import OneTeacher, SignalSource, TeacherSignals, in_chunks
from distil.framework.signals.teacher_pass import Streamer
from distil.framework.stages.graph import Labelling, build_labelling
from distil.framework.stages.keys import check_keys
from distil.framework.stages.stage import Context
from distil.framework.stages.supervision import Supervision
from distil.framework.tasks.base import Task
from distil.framework.teachers.base import only_writes
from distil.framework.training.job import Trainer
from distil.framework.training.loop import train_in_process

if TYPE_CHECKING:
    import pyarrow as pa

FACTS = "labels.json"


@dataclass(frozen=True)
class Labels:
    """Labels on disk. facts: labels.json, as docs/results.md has it; splits: those that were labelled just now."""

    folder: Path
    facts: Json
    splits: list[str]


def label(
    recipe: Recipe,
    splits: Sequence[str] = (),
    to: Path | None = None,
    each_teacher: bool = False,
    train: Trainer = train_in_process,
    stream: Streamer | None = None,
    progress: Progress = SILENT,
    check: Callable[[Context, Labelling], None] = lambda context, labelling: None,
) -> Labels:
    """Ask the teachers of a recipe as `run` would, and write what its rule makes of their signals, at temperature 1: of each split a
    file of JSON lines and one of parquet.

    splits: default: those that the student learns from, or, without a student, all; to: a folder, default: `labels` in the run's, in
    which labels of other splits stay; each_teacher: whether what each of several teachers says is written beside it; check: looks at the
    stages before any is made. Raises as `run` does, and OutputError for a folder with labels of another recipe; what was answered is kept,
    and a run of the recipe asks nothing of it again.
    """
    wanted = _splits(recipe, splits)
    context = context_of(recipe, train, stream, progress)
    folder = to if to is not None else recipe.run_folder / "labels"
    facts = {
        "name": recipe.name,
        "task": settings_of(context.task),
        "ensemble": settings_of(recipe.ensemble) if recipe.ensemble is not None else None,
    }
    others = _others(folder, facts, wanted)
    labelling = build_labelling(context, wanted)
    check(context, labelling)
    context.store.check()
    check_keys(context, labelling.collections, [])
    make_folder(folder, *([] if to is None else ["name another folder as `to` (--to)"]))
    _collect(context, labelling)
    written: Json = {}
    for split, found in labelling.by_split.items():
        written[split] = _write(context, found, split, folder, each_teacher)
        facts["splits"] = {**written, **{name: told for name, told in others.items() if name not in written}}
        write_json(folder / FACTS, facts)
    if to is None:
        context.store.push(folder)
    return Labels(folder, facts, wanted)


def _others(folder: Path, facts: Json, wanted: Sequence[str]) -> Json:
    """What labels.json in a folder tells of splits. Raises OutputError where it is of another recipe, and would tell no more of all
    files beside it."""
    path = folder / FACTS
    if not path.exists():
        return {}
    try:
        told = read_json(path)
        splits, same = dict(told["splits"]), {name: told[name] for name in facts} == json.loads(json.dumps(facts))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"{path} is none that labels were written with ({first_line(error)}): name another folder as `to` (--to), or remove it"
        ) from None
    left = [name for name in splits if name not in wanted]
    if left and not same:
        raise OutputError(
            f"{folder} has labels of {', '.join(left)} by another recipe, or another task or ensemble: name another folder as `to` "
            "(--to), or remove them"
        )
    return splits


def _splits(recipe: Recipe, given: Sequence[str]) -> list[str]:
    """Raises UserError for a recipe whose teachers do not become one, and for splits that there are not."""
    names = list(recipe.teachers)
    if not names:
        raise UserError("there is nobody to label: the recipe has no teachers; add `teachers`")
    if len(names) > 1 and recipe.ensemble is None:
        raise UserError(
            f"{len(names)} teachers ({', '.join(names)}): say how they become one, for example `ensemble: {{rule: mean}}`"
        )
    if all(map(only_writes, recipe.teachers.values())):
        raise UserError(
            f"the teachers ({', '.join(names)}) write alone, and say of no text how likely it is: set read: likelihood, or have them complete prompts "
            "(`distil complete`)"
        )
    legal = recipe.data.names
    for name in given:
        if name not in legal:
            raise UserError(f"no split of `data` is called '{name}'; {nearest_hint(name, legal)}")
        if name in prompts_alone(recipe):
            raise UserError(
                f"the recipe takes nothing but prompts from the split '{name}', and labels are of whole texts: name another split, or have these "
                "prompts completed (`distil complete`)"
            )
    student = recipe.student
    usual = legal if student is None else [student.split, *student.unlabelled]
    return list(dict.fromkeys(given or usual))


def _collect(context: Context, labelling: Labelling) -> None:
    stages, asked = list(labelling.stages()), set[str]()
    for number, stage in enumerate(stages, start=1):
        for split in labelling.streamed - asked:
            left = labelling.by_split[split].to_stream(context)
            if context.stream is not None and stage.digest in {one.stage.digest for one in left}:
                # The run's actors ask, of one split at a time; this stage and those after it find all of it there.
                with context.stream([one.teacher_pass for one in left]):
                    asked.add(split)
        make(context, stage, f"{number}/{len(stages)}")


def _write(context: Context, supervision: Supervision, split: str, folder: Path, each_teacher: bool) -> Json:
    """The labels of a split, as two files; returns what is told of them."""
    examples, task = context.data[split].examples, context.task
    source = supervision.source(context, {})
    teachers = supervision.teachers(context, {})
    own = {name: context.recipe.teachers[name] for name in teachers}
    temperatures = {name: supervision.temperature(context, name) for name in teachers}
    alone = {name: OneTeacher(teachers[name], temperatures[name]) for name in teachers} if each_teacher else {}
    tables = []
    with (
        context.progress.task(f"label '{split}'", len(examples), task.items) as bar,
        written_beside(folder / f"{split}.jsonl") as lines,
        lines.open("w", encoding="utf-8") as file,
    ):
        for part in in_chunks(examples):
            rows = list(_rows(task, part, source, teachers, alone))
            file.writelines(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
            tables.append(_table(rows))
            bar.advance(len(part))
    _write_parquet(tables, folder / f"{split}.parquet")
    inputs = {"teaching": supervision.inputs(context), "data": context.data[split].digest, "task": settings_of(task)}
    return {
        "examples": len(examples),
        "data": context.data[split].digest,
        "digest": Key("labels", inputs, versions(1)).digest,
        "teachers": {
            name: {
                "kind": own[name].kind,
                "temperature": temperatures[name],
                "signals": found.stage.digest,
                **{
                    fact: value
                    for fact, value in found.stage.facts(context.store).items()
                    if fact in ("left_out", "usage")
                },
            }
            for name, (found,) in supervision.collections.items()
        },
    }


def _rows(
    task: Task,
    examples: Sequence[Example],
    source: SignalSource,
    teachers: dict[str, TeacherSignals],
    alone: dict[str, OneTeacher],
) -> Iterator[Json]:
    """Of each example its record, `soft`: what all teachers say, `weights` of each, and `teachers`: what each of `alone` says; None of
    who says nothing."""
    soft = _soft(task, examples, source)
    weights = source.weights(examples) if isinstance(source, EnsembleSource) else np.ones((len(examples), 1))
    said = {name: _soft(task, examples, teacher) for name, teacher in alone.items()}
    for number, example in enumerate(examples):
        row = {
            **task.record(example),
            "soft": soft[number],
            "weights": dict(zip(teachers, weights[number].tolist(), strict=True)),
        }
        yield {**row, "teachers": {name: labels[number] for name, labels in said.items()}} if said else row


def _soft(task: Task, examples: Sequence[Example], source: SignalSource) -> list[Json | None]:
    signals = _pooled(task, source, examples)
    labels = task.soft_labels(examples, evened(signals, task.head_sizes(examples)))
    return [None if nothing else found for nothing, found in zip(silent(signals), labels, strict=True)]


def _pooled(task: Task, source: SignalSource, examples: Sequence[Example]) -> Signals:
    """One signal about each example: of alternatives, by which batches would be taught in turn, the mean."""
    found = [of_task(task, examples, one) for one in source.signals(examples, [1.0])[1.0]]
    if len(found) == 1:
        return found[0]
    return mix(found, np.full((len(examples), len(found)), 1 / len(found)), "arithmetic")


def _table(rows: Sequence[Json]) -> "pa.Table":
    import pyarrow as pa

    names = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: pa.array([row.get(name) for row in rows]) for name in names})


def _write_parquet(tables: "Sequence[pa.Table]", path: Path) -> None:
    """Tables of which some know the types of columns that in others are empty."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with written_beside(path) as temporary:
        pq.write_table(pa.concat_tables(tables, promote_options="permissive"), temporary, compression="zstd")
