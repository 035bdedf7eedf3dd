"""The questions on which a run's models were measured, with what each model answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framework.data.example import Example
from framework.data.unchanged import unchanged_split
from framework.errors import DataError
from framework.files import read_json
from framework.recipe_file import recipe_from_values
from framework.tasks.span_qa.metrics import Variant, score_example
from framework.tasks.span_qa.task import ExtractiveQA


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

    example: Example
    answers: dict[str, Answered]


def read_questions(folder: Path, results: dict[str, Any]) -> list[Question]:
    """The labelled questions of the run's evaluation split, with the answers of all models that were measured.

    Raises UserError where data or recipe cannot be had any more as the run had them.
    """
    recipe = recipe_from_values(results["recipe"], "recipe.yaml")
    split, unanswerable = recipe.evaluation.split, recipe.data.unanswerable
    if not isinstance(recipe.task, ExtractiveQA):
        raise DataError("the task is not extractive_qa: its answers are no spans")
    found = unchanged_split(recipe.data, split, results["data"]["splits"][split]["digest"])
    predictions = {
        model["name"]: read_json(folder / model["predictions"])
        for model in results["models"]
        if model["predictions"] and (folder / model["predictions"]).is_file()
    }
    variant: Variant = "squad_v2" if unanswerable else "squad"
    return [
        Question(
            example, {name: _answered(example, records[example.id], variant) for name, records in predictions.items()}
        )
        for example in found.examples
        if example.answers is not None
    ]


def _answered(example: Example, record: Mapping[str, Any], variant: Variant) -> Answered:
    golds = [answer.text for answer in example.answers or ()]
    exact_match, f1 = score_example(record["answer"], golds, variant=variant)
    return Answered(record["answer"], record["start"], record["end"], record["score"], exact_match, f1)
