"""What language models behind servers will be asked, and about what that costs; nothing is sent."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from distil.framework.chat.answers import Usage
from distil.framework.chat.budget import beyond, cost_of
from distil.framework.chat.predictor import ChatPredictor
from distil.framework.data.load import Split
from distil.framework.recipe.schema import Recipe
from distil.framework.tasks.base import InferenceConfig, Task


def requests_in_words(recipe: Recipe, task: Task, splits: Mapping[str, Split], answers: Path) -> Iterator[str]:
    """A line for each chat teacher: requests, tokens and money for what is not among the `answers` of before. task: fitted to the
    data."""
    inference = InferenceConfig(task, recipe.windows, None, "fp32", answers=answers)
    for name, teacher in recipe.teachers.items():
        if teacher.kind != "chat":
            continue
        predictor = teacher.predictor(answers, inference)
        assert isinstance(predictor, ChatPredictor)
        asked = _splits_asked_about(recipe, name)
        wanted = predictor.estimate([example for split in asked for example in splits[split].examples])
        if not wanted.requests:
            yield f"{name}: all answers about {', '.join(asked)} are there"
            continue
        yield f"{name} is asked about {', '.join(asked)}: {_in_words(wanted, cost_of(wanted, teacher.prices))}"
        spent = predictor.asker.answers.spent
        problem = beyond(teacher.budget, teacher.prices, spent, spent + wanted)
        if problem is not None:
            field, most, _, then = problem
            yield f"{name}: that is beyond its budget.{field}, {most:,.10g}, as it may come to {then:,.6g} with what is spent"


def _splits_asked_about(recipe: Recipe, name: str) -> list[str]:
    """Those that every teacher is measured on, the student learns from, and this one is calibrated on."""
    student = recipe.student
    taught = student is not None and any(loss.source == "signal" for loss in recipe.losses.values())
    splits = [student.split, *student.unlabelled] if student is not None and taught else []
    held_out = [recipe.held_out] if name in recipe.calibrated else []
    return list(dict.fromkeys([*splits, *held_out, recipe.evaluation.split]))


def _in_words(wanted: Usage, cost: float | None) -> str:
    money = "" if cost is None else f", which cost about {cost:,.4g} by its prices"
    return f"{wanted.requests:,} requests, about {wanted.input_tokens:,} tokens read and at most {wanted.output_tokens:,} written{money}"
