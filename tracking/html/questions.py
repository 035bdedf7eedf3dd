"""The questions on which a run's models were measured, with what each model answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framework.data.load import unchanged_split
from framework.errors import DataError, first_line
from framework.files import read_json
from framework.outcome import RunResults
from framework.recipe.load import recipe_from_values
from framework.tasks.span_qa.example import QAExample
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

    example: QAExample
    answers: dict[str, Answered]


def read_questions(folder: Path, results: RunResults) -> list[Question]:
    """The labelled questions of the run's evaluation split, with the answers of all models that were measured.

    Raises UserError where data or recipe cannot be had any more as the run had them.
    """
    recipe = recipe_from_values(results["recipe"], "recipe.yaml")
    split = recipe.evaluation.split
    if not isinstance(recipe.task, ExtractiveQA):
        raise DataError("the task is not extractive_qa: its answers are no spans")
    found = unchanged_split(recipe.data, recipe.task, split, results["data"]["splits"][split]["digest"])
    variant: Variant = "squad_v2" if recipe.task.unanswerable else "squad"
    labelled = [example for example in found.examples if example.answers is not None]
    answers = {
        model["name"]: _answers(folder / model["predictions"], labelled, variant)
        for model in results["models"]
        if model["predictions"] and (folder / model["predictions"]).is_file()
    }
    return [
        Question(example, {name: answered[number] for name, answered in answers.items()})
        for number, example in enumerate(labelled)
    ]


def _answers(path: Path, examples: list[QAExample], variant: Variant) -> list[Answered]:
    """A model's answers to these questions. Raises DataError for a damaged file."""
    try:
        records = read_json(path)
        return [_answered(example, records[example.id], variant) for example in examples]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is damaged ({first_line(error)}); run the recipe again to write it anew") from None


def _answered(example: QAExample, record: Mapping[str, Any], variant: Variant) -> Answered:
    golds = [answer.text for answer in example.answers or ()]
    exact_match, f1 = score_example(record["answer"], golds, variant=variant)
    return Answered(record["answer"], record["start"], record["end"], record["score"], exact_match, f1)
