"""Stages by which teachers complete prompts, of whose texts the one is chosen that all of them together find likeliest (sequence-level
distillation: Kim & Rush, arXiv 1606.07947)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from distil.framework.digest import versions
from distil.framework.files import Json, read_json_lines, write_atomic
from distil.framework.generative.sampling import GREEDY, Sampling
from distil.framework.segments import Floats
from distil.framework.signals.further import of_task
from distil.framework.signals.source import in_chunks
from distil.framework.stages.models import ModelStages
from distil.framework.stages.stage import Context, Stage, key_of
from distil.framework.stages.supervision import Supervision
from distil.framework.stages.teaching import Teaching
from distil.framework.stages.written import Author, Prompts, Text, Written, writing_stage, written_by
from distil.framework.teachers.base import own_settings

_CHOSEN = "chosen.jsonl"
_NOTHING = (
    "none of the teachers' completions ends: give them more room, task.generation.max_new_tokens, or train them longer"
)


@dataclass(frozen=True)
class Completions:
    """What teachers write after prompts. writing: the stage of each teacher that writes; sampling: how; candidates: all of it, each text
    of a prompt once; scores: who says how likely these are; best: the likeliest of each prompt."""

    writing: Mapping[str, Stage]
    sampling: Sampling
    candidates: Written
    scores: Supervision
    best: Written

    @property
    def stages(self) -> Iterator[Stage]:
        """Every stage, after those that it depends on."""
        yield from self.candidates.stages
        yield from self.scores.asking
        yield from self.best.stages

    def rows(self, context: Context) -> list[Json]:
        """Of each prompt that has any the best completion, once it is chosen: `prompt`, its number, `text`, `by`: who writes it,
        `bits_per_byte`: what it takes under all teachers, None where none says that, and `candidates`: of how many it is the best."""
        (choosing,) = self.best.stages
        return read_json_lines(choosing.result(context.store) / _CHOSEN)


def sampling_of(count: int, temperature: float | None, seed: int) -> Sampling:
    """One completion is of the likeliest tokens, several are drawn."""
    return GREEDY if count == 1 else Sampling(count, 1.0 if temperature is None else temperature, seed)


def completions_of(
    context: Context,
    teachers: Mapping[str, ModelStages],
    teaching: Teaching,
    prompts: Prompts,
    sampling: Sampling,
    only: str | None,
) -> Completions:
    """Have all teachers, or one of them, complete prompts."""
    names = list(teachers) if only is None else [only]
    writing = {
        name: writing_stage(context, _author(context, name, teachers[name]), prompts, sampling) for name in names
    }
    name = f"completions of {prompts.name}" + ("" if only is None else f" by {only}")
    count = len(prompts.examples)
    most = count * sampling.count * len(writing)
    candidates = Written(
        name, tuple(writing.values()), prompts, True, lambda: list(_candidates(context, writing)), most, _NOTHING
    )
    scores = teaching.by([candidates], only)
    choosing = _choosing(context, candidates, scores)
    best = Written(name, (choosing,), prompts, True, lambda: _best(context, choosing), count, _NOTHING)
    return Completions(writing, sampling, candidates, scores, best)


def _author(context: Context, name: str, stages: ModelStages) -> Author:
    teacher = context.recipe.teachers[name]
    inference = context.inference(teacher.windows or context.recipe.windows)
    return Author(name, f"teachers.{name}", stages.askable, own_settings(teacher), inference, teacher.predictor)


def _candidates(context: Context, writing: Mapping[str, Stage]) -> Iterator[Text]:
    """What all teachers write and end, each text of a prompt once, by who writes it first."""
    found: dict[tuple[int, str], Text] = {}
    for name, stage in writing.items():
        for number, texts in enumerate(written_by(context, stage)):
            for text, ended in texts:
                if ended:
                    known = found.get((number, text), Text(number, text, name, 0))
                    found[number, text] = replace(known, times=known.times + 1)
    return iter(found.values())


def _choosing(context: Context, candidates: Written, scores: Supervision) -> Stage:
    """Choose of each prompt the completion that takes the fewest bits a byte; one of which nobody reads the end only where there is no
    other; where no teacher says how many, the one that is written most often; of equal ones the first."""
    scored = any(scores.collections.values())

    def make(folder: Path) -> Json:
        texts = candidates.known
        rarely = -np.asarray([one.times for one in texts], np.float64)
        cost = _bits(context, candidates, scores) if scored else rarely
        rows = [
            {
                "prompt": number,
                "text": texts[best].text,
                "by": texts[best].by,
                "bits_per_byte": float(cost[best]) if scored and np.isfinite(cost[best]) else None,
                "candidates": len(places),
            }
            for number, places in _by_prompt(texts)
            for best in [min(places, key=lambda place: float(cost[place]))]
        ]
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        write_atomic(folder / _CHOSEN, lines)
        return {"prompts": len(candidates.prompts.examples), "completed": len(rows), "candidates": len(texts)}

    inputs = {"candidates": candidates.identity, "teaching": scores.inputs(context) if scored else None}
    key = key_of(context, "completions", inputs, versions(3))
    return Stage(f"choose among the {candidates.name}", key, make)


def _bits(context: Context, candidates: Written, scores: Supervision) -> Floats:
    """What each candidate takes a byte under all teachers together; infinitely much where nobody says anything of its last head, its end."""
    source, found = scores.source(context, {}, ignore_labels=True), []
    for asked in in_chunks(candidates.read().examples):
        signals = of_task(context.task, asked, source.signals(asked, [1.0])[1.0][0])
        # Not by `said`: an ensemble takes all outcomes for alike in examples of which no teacher says anything.
        ends = np.diff(signals.rows)[signals.heads[1:] - 1] > 0
        numbered = [replace(one, id=str(number)) for number, one in enumerate(asked)]
        said = context.task.predict_from_signals(numbered, signals)
        found += [
            said[one.id]["bits"] / max(said[one.id]["bytes"], 1) if ended else np.inf
            for one, ended in zip(numbered, ends.tolist(), strict=True)
        ]
    return np.asarray(found)


def _by_prompt(texts: Sequence[Text]) -> list[tuple[int, list[int]]]:
    """Places of the texts of each prompt, by its number."""
    found: dict[int, list[int]] = {}
    for place, one in enumerate(texts):
        found.setdefault(one.number, []).append(place)
    return sorted(found.items())


def _best(context: Context, choosing: Stage) -> list[Text]:
    lines = read_json_lines(choosing.result(context.store) / _CHOSEN)
    return [Text(line["prompt"], line["text"], line["by"]) for line in lines]
