"""What the page shows of a run's task: sections of the task's own."""

from dataclasses import dataclass
from pathlib import Path

from distil.framework.errors import UserError, first_line
from distil.framework.outcome import RunResults
from distil.framework.tasks.base import Own
from distil.framework.tasks.classification.task import Classification
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.tasks.tagging.task import Tagging
from distil.tracking.html.answers import task_in
from distil.tracking.html.cases import FEW
from distil.tracking.html.label_parts import LabelAnswers, calibration, confusions, label_cases, label_table, read_texts
from distil.tracking.html.number_parts import number_cases, scatter
from distil.tracking.html.question_parts import by_answer_length, by_question_word, disagreements, read_questions
from distil.tracking.html.tag_parts import mistakes, read_tagged, tag_cases, type_table

_DISAGREEMENTS = ("disagreements", "Where student and teachers disagree")


@dataclass(frozen=True)
class Section:
    """key: its id on the page; template: draws its parts; problem: why there are none."""

    key: str
    heading: str
    template: str = ""
    parts: object = None
    problem: str = ""


def task_sections(folder: Path, results: RunResults) -> list[Section]:
    """The sections of the run's task, with the reason instead of their parts where data or predictions are not there (any
    more). A task that has none of its own here has those of the one that it extends, or none."""
    try:
        task = task_in(results)
    except UserError as error:
        return [Section(*_DISAGREEMENTS, problem=first_line(error))]
    if isinstance(task, ExtractiveQA):
        headings, made = [_DISAGREEMENTS, ("groups", "Groups of questions")], _of_questions
    elif isinstance(task, Classification) and task.problem_type == "regression":
        headings, made = [("numbers", "Predicted and gold numbers"), _DISAGREEMENTS], _of_texts
    elif isinstance(task, Classification):
        headings = [("labels", "Labels"), ("confusions", "What is taken for what"), ("calibration", "Calibration")]
        headings, made = [*headings, _DISAGREEMENTS], _of_texts
    elif isinstance(task, Tagging):
        types = "Types of entities" if task.of_entities else "Tags"
        headings, made = [("types", types), ("mistakes", "Mistakes"), _DISAGREEMENTS], _of_tagged
    else:
        return []
    try:
        drawn = made(folder, results, task)
    except UserError as error:
        return [Section(*heading, problem=first_line(error)) for heading in headings]
    return [Section(*heading, *parts) for heading, parts in zip(headings, drawn, strict=True)]


def _of_questions(folder: Path, results: RunResults, task: Own) -> list[tuple[str, object]]:
    questions = read_questions(folder, results, task)
    answering = list(questions[0].answers) if questions else []
    groups = {
        "By question word": by_question_word(questions, answering),
        "By words of the answer": by_answer_length(questions, answering),
    }
    return [
        ("disagreements.html.j2", disagreements(questions, roles_in(results))),
        ("groups.html.j2", {"answering": answering, "few": FEW, "groups": groups}),
    ]


def _of_texts(folder: Path, results: RunResults, task: Own) -> list[tuple[str, object]]:
    answers, roles = read_texts(folder, results, task), roles_in(results)
    if isinstance(answers, LabelAnswers):
        return [
            ("section_table.html.j2", label_table(answers)),
            ("confusions.html.j2", confusions(answers, roles)),
            ("calibration.html.j2", calibration(answers, roles)),
            ("text_cases.html.j2", label_cases(answers, roles)),
        ]
    return [("numbers.html.j2", scatter(answers, roles)), ("text_cases.html.j2", number_cases(answers, roles))]


def _of_tagged(folder: Path, results: RunResults, task: Own) -> list[tuple[str, object]]:
    answers, roles = read_tagged(folder, results, task), roles_in(results)
    return [
        ("section_table.html.j2", type_table(answers)),
        ("section_table.html.j2", mistakes(answers, roles)),
        ("text_cases.html.j2", tag_cases(answers, roles)),
    ]


def roles_in(results: RunResults) -> dict[str, str]:
    """The role of every model, by name."""
    return {model["name"]: model["role"] for model in results["models"]}
