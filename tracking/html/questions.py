"""The questions on which a run's models were measured, with what each model answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from framework.outcome import RunResults
from framework.tasks.span_qa.data import QAExample
from framework.tasks.span_qa.metrics import Variant, score_example
from framework.tasks.span_qa.task import ExtractiveQA
from tracking.html.answers import answers_in, labelled_examples


@dataclass(frozen=True)
class Answered:
    """A model's answer: its text, span (-1 where the context does not hold it) and probability; EM and F1 from 0 to 1."""

    text: str
    start: int
    end: int
    score: float
    exact_match: float
    f1: float

    @property
    def right(self) -> bool:
        """Whether it is an exact match."""
        return self.exact_match == 1.0


@dataclass(frozen=True)
class Question:
    """A labelled question with the answers of models, by name."""

    example: QAExample
    answers: dict[str, Answered]


def read_questions(folder: Path, results: RunResults, task: ExtractiveQA) -> list[Question]:
    """The labelled questions of the run's evaluation split, with the answers of all models that were measured.

    Raises UserError where data or recipe cannot be had any more as the run had them, or for damaged predictions.
    """
    variant: Variant = "squad_v2" if task.unanswerable else "squad"
    labelled = labelled_examples(results)
    answers = answers_in(folder, results, labelled, partial(_answered, variant=variant))
    return [
        Question(example, {name: answered[number] for name, answered in answers.items()})
        for number, example in enumerate(labelled)
    ]


def _answered(example: QAExample, record: Mapping[str, Any], variant: Variant) -> Answered:
    golds = [answer.text for answer in example.answers or ()]
    exact_match, f1 = score_example(record["answer"], golds, variant=variant)
    return Answered(record["answer"], record["start"], record["end"], record["score"], exact_match, f1)
