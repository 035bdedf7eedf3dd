"""Generative models as taggers: they write the entities of a text in its order, each after its type.

What is written is a list such as `PER: Анна Котова; LOC: Омск`, and nothing where there is no entity. Each list that a search finds
is one sequence of tags: its entities are looked for from left to right, each behind the one before, and those that are not there
are left out. The lists weigh log P / length^α, scaled to 1; so every unit has one distribution over tags, to which each list
gives its weight once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from distil.framework.data.features import WindowSettings
from distil.framework.device import autocast, default_device
from distil.framework.errors import DataError
from distil.framework.generative.asking import Asking, writer_for
from distil.framework.generative.training import Generation
from distil.framework.generative.writer import Beams, Ids, Writer
from distil.framework.language.words import count_of
from distil.framework.models.bounds import count_parameters
from distil.framework.models.build import pretrained_model
from distil.framework.models.configuration import read_config
from distil.framework.models.kind import generator_of
from distil.framework.models.tokenizers import load_model_tokenizer
from distil.framework.progress import SILENT, Progress
from distil.framework.segments import Floats, Ints, bounds, softmax
from distil.framework.signals.algebra import Signals, from_dense, to_dense
from distil.framework.signals.steps import ask
from distil.framework.tasks.base import Own, Plain
from distil.framework.tasks.tagging.entity_lists import EntityLists, Part, entity_lists, mixed
from distil.framework.tasks.tagging.example import Tagged
from distil.framework.tasks.tagging.metrics import best_tags
from distil.framework.tasks.tagging.tags import TagSet

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from distil.framework.tasks.base import InferenceConfig
    from distil.framework.tasks.sections import GenerativeSection


def list_generation(
    examples: Sequence[Tagged],
    tags: TagSet,
    teacher: "GenerativeSection",
    windows: WindowSettings,
    tokenizer: "PreTrainedTokenizerFast",
) -> Generation:
    """The objective of tagged texts: to write their entities. Raises DataError if no text has tags."""
    config, forced = teacher.configuration(tokenizer)
    lists = entity_lists(tokenizer, config, windows.max_length, teacher, tags, forced)
    known = [(example, example.tags) for example in examples if example.tags is not None]
    if not known:
        raise DataError(f"of {count_of(len(examples), 'text')} none has tags; a teacher is fine-tuned on tagged texts")
    parts = [(example, part, gold) for example, gold in known for part in lists.parts(example)]
    answers = [lists.answer(lists.written(example, part, gold)) for example, part, gold in parts]
    return Generation(lists.generator, lists.special, [part.prompt for _, part, _ in parts], answers)


@dataclass(frozen=True)
class Found:
    """What a model thinks of E examples. unlocated: [E], the share of the entities in its lists that are not there, by the lists'
    weights."""

    signals: Signals
    unlocated: Floats


@dataclass(frozen=True)
class Prepared:
    """Examples, their P parts, each with its example's number, and the lists that are asked about beside those that a model
    writes: the one without entities, and one of each other teacher."""

    examples: Sequence[Tagged]
    parts: Sequence[tuple[int, Part]]
    proposed: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Said:
    """What was asked, and of each of the P parts the lists, by their tokens, and log P of each."""

    prepared: Prepared
    answers: Sequence[dict[tuple[int, ...], str]]
    scores: Sequence[Floats]


@dataclass(frozen=True)
class EntityPredictor:
    """See Predictor. `inference.limit` is of prompts, or of pairs of a prompt and a list."""

    model: Own
    lists: EntityLists
    settings: "GenerativeSection"
    inference: "InferenceConfig"

    @property
    def parameters(self) -> int:
        """See Predictor."""
        return count_parameters(self.model)

    @cached_property
    def writer(self) -> Writer:
        """The model, on its device."""
        return writer_for(self.lists.generator, self.model.to(default_device()).eval(), self.lists.special)

    def predict(self, examples: Sequence[Tagged], progress: Progress = SILENT, title: str = "predict") -> Plain:
        """See Predictor; with the share `unlocated` of each text."""
        found = self.found(self.run(self.prepare(examples), progress, title))
        predictions: Plain = self.inference.task.predict_from_signals(examples, found.signals)
        shares = {example.id: float(share) for example, share in zip(examples, found.unlocated, strict=True)}
        return {id: {**prediction, "unlocated": shares[id]} for id, prediction in predictions.items()}

    def signals(self, examples: Sequence[Tagged], proposals: Sequence[Signals] = ()) -> Signals:
        """See Predictor. The likeliest entities of each proposing teacher are a list beside the model's own."""
        return ask(self, examples, proposals)

    def prepare(self, examples: Sequence[Tagged], proposals: Sequence[Signals] = ()) -> "Prepared":
        """See Steps."""
        parts = [(number, part) for number, example in enumerate(examples) for part in self.lists.parts(example)]
        tags = [self._best(examples, of_teacher) for of_teacher in proposals]
        proposed = [
            ["", *(self.lists.written(examples[number], part, of_teacher[number]) for of_teacher in tags)]
            for number, part in parts
        ]
        return Prepared(examples, parts, proposed)

    def run(self, prepared: "Prepared", progress: Progress = SILENT, title: str = "") -> "Said":
        """See Steps: the lists that the model writes, those of other teachers and the one without entities, each as likely as it
        finds them."""
        import torch

        lists, settings, device = self.lists, self.settings, default_device()
        asking = Asking(
            writer=self.writer,
            prompts=[part.prompt for _, part in prepared.parts],
            longest_prompt=self.inference.windows.max_length,
            longest_answer=settings.max_answer + 1,
            limit=self.inference.limit(device),
            filled=not self.inference.one_by_one,
        )
        beams = Beams(settings.beams, settings.max_answer, settings.length_normalisation)
        answers: list[dict[tuple[int, ...], str]] = [{} for _ in prepared.parts]

        def candidates(number: int, written: Sequence[Ids]) -> list[Ids]:
            nothing, *others = prepared.proposed[number]
            texts = [nothing, *map(lists.text, written), *others]
            answers[number] = {tuple(lists.answer(text).tolist()): text for text in reversed(texts)}
            return [np.asarray(ids, np.int32) for ids in answers[number]]

        each = np.arange(len(answers))
        work = progress.task(title, asking.passes(beams.count, each), "batches")
        with work as bar, torch.inference_mode(), autocast(device, self.inference.precision):
            return Said(prepared, answers, asking.asked(beams, each, candidates, bar))

    def signals_of(self, said: "Said") -> Signals:
        """See Steps."""
        return self.found(said).signals

    def found(self, said: "Said") -> Found:
        """What it thinks of the examples."""
        examples, count = said.prepared.examples, len(self.lists.tags.names)
        masses, told = [np.empty((0, count))], np.zeros((2, len(examples)))
        for (number, part), of_part, log_p in zip(said.prepared.parts, said.answers, said.scores, strict=True):
            lengths = np.asarray([len(ids) for ids in of_part], np.float64)
            log_mass = log_p / lengths**self.settings.length_normalisation
            read = [self.lists.read(text, examples[number], part) for text in of_part.values()]
            masses.append(mixed(read, log_mass, self.lists.tags))
            told[:, number] += softmax(log_mass) @ np.asarray([(one.lost, one.written) for one in read], np.float64)
        units = bounds(np.asarray([len(example.units) for example in examples], np.int64))
        signals = from_dense(np.log(np.concatenate(masses)), np.arange(count), units)
        return Found(signals, told[0] / np.maximum(told[1], 1e-9))

    def _best(self, examples: Sequence[Tagged], signals: Signals) -> list[list[str]]:
        """The likeliest tags of each example, by a teacher's signals."""
        tags = self.lists.tags
        best: Ints = best_tags(to_dense(signals, len(tags.names)), signals.heads, tags)
        return [
            [tags.names[number] for number in best[begin:end]]
            for begin, end in zip(signals.heads[:-1].tolist(), signals.heads[1:].tolist(), strict=True)
        ]


def entity_predictor(
    folder: Path, inference: "InferenceConfig", teacher: "GenerativeSection", tags: TagSet
) -> EntityPredictor:
    """The model in `folder`. Raises ModelError, and RecipeError as `entity_lists` does."""
    tokenizer = load_model_tokenizer(folder)
    model = pretrained_model(generator_of(read_config(folder)), folder)
    forced = model.generation_config.forced_bos_token_id
    lists = entity_lists(tokenizer, model.config, inference.windows.max_length, teacher, tags, forced)
    return EntityPredictor(model, lists, teacher, inference)
