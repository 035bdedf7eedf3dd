"""Texts for students to learn elsewhere: completions that a recipe's teachers write of its prompts, of several the one that all of them
together find likeliest (sequence-level distillation: Kim & Rush, arXiv 1606.07947)."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from distil.framework.config import nearest_hint
from distil.framework.errors import UserError
from distil.framework.files import Json, make_folder, write_json, written_beside
from distil.framework.progress import SILENT, Progress
from distil.framework.recipe.schema import Recipe
from distil.framework.run import context_of, make
from distil.framework.stages.completions import sampling_of
from distil.framework.stages.graph import Completing, build_completing
from distil.framework.stages.stage import Context
from distil.framework.training.job import Trainer
from distil.framework.training.loop import train_in_process

FACTS = "completions.json"


@dataclass(frozen=True)
class Completed:
    """Completions on disk. facts: completions.json."""

    folder: Path
    facts: Json


def complete(
    recipe: Recipe,
    split: str,
    to: Path | None = None,
    count: int = 1,
    temperature: float = 1.0,
    train: Trainer = train_in_process,
    progress: Progress = SILENT,
    check: Callable[[Context, Completing], None] = lambda context, completing: None,
) -> Completed:
    """Have the teachers of a recipe of texts complete every prompt of a split, and write the best completion of each as JSON lines.

    count: completions by each teacher; of one alone the likeliest tokens are taken, several are drawn at `temperature`. Completions that
    do not end in the room that `task.generation` gives are none. to: a folder, default: `completions` in the run's; check: looks at the
    stages before any is made. What was written and scored is kept in the store. Raises as `run` does, and UserError for other tasks and
    splits that there are not.
    """
    _check(recipe, split)
    context = context_of(recipe, train, None, progress, prompts=frozenset([split]))
    sampling = sampling_of(count, temperature, recipe.seed)
    completing = build_completing(context, split, sampling)
    check(context, completing)
    context.store.check()
    folder = to if to is not None else recipe.run_folder / "completions"
    make_folder(folder)
    for number, stage in enumerate(completing.stages, start=1):
        made = make(context, stage, f"{number}/{len(completing.stages)}")
    prompts, found = completing.prompts.examples, completing.completions.rows(context)
    rows = [
        {**context.task.record(replace(prompts[row.pop("prompt")], completion=row.pop("text"))), **row} for row in found
    ]
    with written_beside(folder / f"{split}.jsonl") as lines:
        lines.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    facts = {
        "name": recipe.name,
        "split": split,
        "data": context.data[split].digest,
        "digest": made.digest,
        **made.facts,
        "sampling": asdict(sampling),
        "by": {name: sum(row["by"] == name for row in rows) for name in recipe.teachers},
    }
    write_json(folder / FACTS, facts)
    if to is None:
        context.store.push(folder)
    return Completed(folder, facts)


def _check(recipe: Recipe, split: str) -> None:
    if not recipe.task.writes:
        raise UserError(f"models of the task {recipe.task.kind} write no completions: this is for the task text")
    names = list(recipe.teachers)
    if not names:
        raise UserError("there is nobody to write: the recipe has no teachers; add `teachers`")
    if len(names) > 1 and recipe.ensemble is None:
        raise UserError(
            f"{len(names)} teachers ({', '.join(names)}): say how they judge together, for example `ensemble: {{rule: mean}}`"
        )
    if split not in recipe.data.names:
        raise UserError(f"no split of `data` is called '{split}'; {nearest_hint(split, recipe.data.names)}")
