"""Texts for students to learn: completions that a recipe's teachers write of its prompts, of several the one that all of them together
find likeliest (sequence-level distillation: Kim & Rush, arXiv 1606.07947)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from distil.framework.config import nearest_hint
from distil.framework.data.example import fingerprint
from distil.framework.data.section import fold_of
from distil.framework.digest import MODELS, digest_of_strings, versions
from distil.framework.ensembles.source import EnsembleSource
from distil.framework.errors import UserError
from distil.framework.files import Json, make_folder, read_json_lines, write_json, written_beside
from distil.framework.generative.sampling import GREEDY, Sampling
from distil.framework.metrics import points_of
from distil.framework.plugins import settings_of
from distil.framework.progress import SILENT, Progress
from distil.framework.recipe.schema import Recipe
from distil.framework.run import context_of, make
from distil.framework.signals.collect import collect
from distil.framework.signals.shards import SignalReader
from distil.framework.signals.source import OneTeacher, SignalSource, in_chunks
from distil.framework.stages.graph import build_labelling
from distil.framework.stages.signals import Collection
from distil.framework.stages.stage import Context, key_of
from distil.framework.stages.supervision import Supervision
from distil.framework.tasks.base import Own
from distil.framework.training.job import Trainer
from distil.framework.training.loop import train_in_process

FACTS, _WRITTEN = "completions.json", "written.jsonl"
_AT_ONCE = 64  # prompts whose completions are kept together: what a stop loses


@dataclass(frozen=True)
class Completions:
    """Completions on disk. facts: completions.json."""

    folder: Path
    facts: Json


class _Written(Protocol):
    @property
    def text(self) -> str:
        """A completion."""

    @property
    def ended(self) -> bool:
        """Whether it was not cut off."""


class _Writer(Protocol):
    def write(self, examples: Sequence[Own], sampling: Sampling) -> Sequence[Sequence[_Written]]:
        """Completions of each example."""


@dataclass(frozen=True)
class _Candidate:
    """A completion of the example of this number. by: who writes it."""

    number: int
    by: str
    example: Own


def complete(
    recipe: Recipe,
    split: str,
    to: Path | None = None,
    count: int = 1,
    temperature: float = 1.0,
    train: Trainer = train_in_process,
    progress: Progress = SILENT,
) -> Completions:
    """Have the teachers of a recipe of texts complete every prompt of a split, and write the best completion of each as JSON lines.

    count: completions by each teacher; of one alone the likeliest tokens are taken, several are drawn at `temperature`. Completions that
    do not end in the room that `task.generation` gives are none. to: a folder, default: `completions` in the run's. What was written and
    scored is kept in the store. Raises as `run` does, and UserError for other tasks and splits that there are not.
    """
    _check(recipe, split)
    context = context_of(recipe, train, None, progress)
    labelling = build_labelling(context, [split])
    context.store.check()
    folder = to if to is not None else recipe.run_folder / "completions"
    make_folder(folder)
    for number, stage in enumerate(labelling.making, start=1):
        make(context, stage, f"{number}/{len(labelling.making)}")
    supervision = labelling.by_split[split]
    sampling = GREEDY if count == 1 else Sampling(count, temperature, recipe.seed)
    candidates = _candidates(context, supervision, split, sampling)
    source, digest = _scored(context, supervision, [one.example for one in candidates])
    examples = context.data[split].examples
    rows = list(_best(context, examples, candidates, source))
    with written_beside(folder / f"{split}.jsonl") as lines:
        lines.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    facts = {
        "name": recipe.name,
        "split": split,
        "data": context.data[split].digest,
        "digest": digest,
        "prompts": len(examples),
        "completed": len(rows),
        "candidates": len(candidates),
        "sampling": asdict(sampling),
        "by": {name: sum(row["by"] == name for row in rows) for name in supervision.collections},
    }
    write_json(folder / FACTS, facts)
    if to is None:
        context.store.push(folder)
    return Completions(folder, facts)


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


def _candidates(context: Context, supervision: Supervision, split: str, sampling: Sampling) -> list[_Candidate]:
    """What all teachers write, each text of a prompt once, by who writes it first."""
    examples = context.data[split].examples
    found: list[_Candidate] = []
    seen: set[tuple[int, str]] = set()
    for name, (collection,) in supervision.collections.items():
        for number, texts in enumerate(_written(context, collection, sampling)):
            for text in texts:
                if text.strip() and (number, text) not in seen:
                    seen.add((number, text))
                    example = replace(examples[number], id=f"{examples[number].id}/{len(found)}", completion=text)
                    found.append(_Candidate(number, name, example))
    if not found:
        raise UserError(
            "none of the teachers' completions ends: give them more room, task.generation.max_new_tokens, or train them longer"
        )
    return found


def _written(context: Context, collection: Collection, sampling: Sampling) -> list[list[str]]:
    """What a teacher writes after each prompt, and has ended; kept in the store."""
    inputs = {
        "teacher": collection.stage.key,
        "sampling": asdict(sampling),
        "generation": context.task.model_dump()["generation"],
    }
    key = key_of(context, "completions", inputs, versions(1, MODELS, context.device))
    title = f"have {collection.teacher} write on '{collection.split}'"

    def write(folder: Path) -> Json:
        asked = collection.teacher_pass
        path, examples = folder / _WRITTEN, context.data[collection.split].examples
        done = len(_lines(path))
        writers: list[_Writer] = [
            asked.teacher.predictor(model, asked.inference).writer  # type: ignore[attr-defined]
            for model in asked.models
        ]
        with path.open("a", encoding="utf-8") as file, context.progress.task(title, len(examples)) as bar:
            bar.advance(done)
            for part in in_chunks(examples[done:], _AT_ONCE):
                for texts in _texts(writers, part, sampling):
                    file.write(json.dumps(texts, ensure_ascii=False) + "\n")
                file.flush()
                bar.advance(len(part))
        return {"prompts": len(examples)}

    artifact = context.store.produce(key, write)
    return _lines(context.store.bring(artifact.folder) / _WRITTEN)


def _lines(path: Path) -> list[list[str]]:
    """Whole lines: a stop may have left part of one, which is cut off."""
    if not path.exists():
        return []
    content = path.read_text(encoding="utf-8")
    whole = content[: content.rfind("\n") + 1]
    if whole != content:
        path.write_text(whole, encoding="utf-8")
    return read_json_lines(path)


def _texts(writers: Sequence[_Writer], examples: Sequence[Own], sampling: Sampling) -> list[list[str]]:
    """What is written, and has ended, after each prompt: by the model of its fold."""
    folds = [fold_of(example, len(writers)) for example in examples]
    found: list[list[str]] = [[] for _ in examples]
    for fold in sorted(set(folds)):
        chosen = [number for number, one in enumerate(folds) if one == fold]
        written = writers[fold].write([examples[number] for number in chosen], sampling)
        for number, completions in zip(chosen, written, strict=True):
            found[number] = [one.text for one in completions if one.ended]
    return found


def _scored(context: Context, supervision: Supervision, candidates: Sequence[Own]) -> tuple[SignalSource, str]:
    """What the teachers together say of the candidates, and the digest of it."""
    readers, digests = {}, []
    for name, (collection,) in supervision.collections.items():
        inputs = {"teacher": collection.stage.key, "candidates": fingerprint(candidates)}
        key = key_of(context, "signals", inputs, versions(1, MODELS, context.device))
        title = f"ask {name} about {len(candidates)} completions"

        def ask(folder: Path, asked: Collection = collection, title: str = title) -> Json:
            return collect(folder, candidates, asked.teacher_pass.open, context.recipe.signals, context.progress, title)

        readers[name] = SignalReader(context.store.bring(context.store.produce(key, ask).folder))
        digests.append(key.digest)
    own = {name: supervision.temperature(context, name) for name in readers}
    if supervision.ensemble is None:
        ((name, reader),) = readers.items()
        return OneTeacher(reader, own[name]), digests[0]
    facts: Mapping[str, Json] = {name: stage.facts(context.store) for name, stage in supervision.held_out.items()}
    points = points_of(supervision.ensemble.metric, context.task.metrics, facts)
    source = EnsembleSource(supervision.ensemble, readers, own, points, context.task, ignore_labels=True)
    return source, digest_of_strings([*digests, json.dumps(settings_of(supervision.ensemble), sort_keys=True)])


def _best(
    context: Context, examples: Sequence[Own], candidates: Sequence[_Candidate], source: SignalSource
) -> Iterator[Json]:
    """Of each prompt that has any the completion that takes the fewest bits a byte."""
    bits = np.zeros(len(candidates))
    for part in in_chunks(range(len(candidates))):
        asked = [candidates[number].example for number in part]
        said = context.task.predict_from_signals(asked, source.signals(asked, [1.0])[1.0][0])
        bits[list(part)] = [said[one.id]["bits"] / max(said[one.id]["bytes"], 1) for one in asked]
    by_prompt: dict[int, list[int]] = {}
    for place, candidate in enumerate(candidates):
        by_prompt.setdefault(candidate.number, []).append(place)
    for number, places in sorted(by_prompt.items()):
        best = min(places, key=lambda place: bits[place])
        chosen = replace(candidates[best].example, id=examples[number].id)
        yield {
            **context.task.record(chosen),
            "by": candidates[best].by,
            "bits_per_byte": float(bits[best]),
            "candidates": len(places),
        }
