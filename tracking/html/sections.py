"""What the page shows of a run's task: sections of the task's own."""

from dataclasses import dataclass
from pathlib import Path

from distil.framework.errors import UserError, first_line
from distil.framework.language.words import Words
from distil.framework.outcome import RunResults
from distil.framework.tasks.base import Own
from distil.framework.tasks.classification.task import Classification
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.tasks.tagging.task import Tagging
from distil.framework.tasks.text.task import Text
from distil.tracking.html.answers import task_in
from distil.tracking.html.cases import FEW
from distil.tracking.html.label_parts import (
    LabelAnswers,
    Table,
    calibration,
    confusions,
    label_cases,
    label_table,
    read_texts,
)
from distil.tracking.html.number_parts import number_cases, scatter
from distil.tracking.html.question_parts import Group, by_answer_length, by_question_word, disagreements, read_questions
from distil.tracking.html.tag_parts import mistakes, read_tagged, tag_cases, type_table
from distil.tracking.html.written_parts import length_table, read_written, written_cases


@dataclass(frozen=True)
class Section:
    """key: its id on the page, and the name of its heading; template: draws its parts; problem: why there are none."""

    key: str
    template: str = ""
    parts: object = None
    problem: str = ""


def task_sections(folder: Path, results: RunResults, words: Words) -> list[Section]:
    """The sections of the run's task, with the reason instead of their parts where data or predictions are not there (any
    more). A task that has none of its own here has those of the one that it extends, or none."""
    try:
        task = task_in(results)
    except UserError as error:
        return [Section("disagreements", problem=first_line(error))]
    if isinstance(task, ExtractiveQA):
        keys, made = ["disagreements", "groups"], _of_questions
    elif isinstance(task, Classification) and task.problem_type == "regression":
        keys, made = ["numbers", "disagreements"], _of_texts
    elif isinstance(task, Classification):
        keys, made = ["labels", "confusions", "calibration", "disagreements"], _of_texts
    elif isinstance(task, Tagging):
        keys, made = ["types" if task.of_entities else "tags", "mistakes", "disagreements"], _of_tagged
    elif isinstance(task, Text):
        keys, made = ["lengths", "disagreements"], _of_written
    else:
        return []
    try:
        drawn = made(folder, results, task, words)
    except UserError as error:
        return [Section(key, problem=first_line(error)) for key in keys]
    return [Section(key, *parts) for key, parts in zip(keys, drawn, strict=True)]


def _of_questions(folder: Path, results: RunResults, task: Own, words: Words) -> list[tuple[str, object]]:
    questions = read_questions(folder, results, task)
    answering = list(questions[0].answers) if questions else []
    note = words("groups note", metrics=" / ".join(metric.label for metric in task.metrics), few=FEW)
    groups = {
        words("by word"): by_question_word(questions, answering),
        words("by length"): by_answer_length(questions, answering, words),
    }
    columns = [words("group"), words("questions"), *answering]
    tables = [Table(caption, columns, [_row(group) for group in found]) for caption, found in groups.items()]
    return [
        ("disagreements.html.j2", disagreements(questions, roles_in(results), words)),
        ("groups.html.j2", {"note": note, "tables": tables if answering else []}),
    ]


def _row(group: Group) -> list[str]:
    figures = (f"{em:.1f} / {f1:.1f}" for em, f1 in group.figures.values())
    return [group.name + ("\u00a0*" if group.few else ""), str(group.questions), *figures]


def _of_texts(folder: Path, results: RunResults, task: Own, words: Words) -> list[tuple[str, object]]:
    answers, roles = read_texts(folder, results, task), roles_in(results)
    if isinstance(answers, LabelAnswers):
        return [
            ("section_table.html.j2", label_table(answers, words)),
            ("confusions.html.j2", confusions(answers, roles, words)),
            ("calibration.html.j2", calibration(answers, roles, words)),
            ("text_cases.html.j2", label_cases(answers, roles, words)),
        ]
    return [
        ("numbers.html.j2", scatter(answers, roles, words)),
        ("text_cases.html.j2", number_cases(answers, roles, words)),
    ]


def _of_tagged(folder: Path, results: RunResults, task: Own, words: Words) -> list[tuple[str, object]]:
    answers, roles = read_tagged(folder, results, task), roles_in(results)
    return [
        ("section_table.html.j2", type_table(answers, words)),
        ("section_table.html.j2", mistakes(answers, roles, words)),
        ("text_cases.html.j2", tag_cases(answers, roles, words)),
    ]


def _of_written(folder: Path, results: RunResults, task: Own, words: Words) -> list[tuple[str, object]]:
    answers = read_written(folder, results)
    return [
        ("section_table.html.j2", length_table(answers, words)),
        ("text_cases.html.j2", written_cases(answers, roles_in(results), words)),
    ]


def roles_in(results: RunResults) -> dict[str, str]:
    """The role of every model, by name."""
    return {model["name"]: model["role"] for model in results["models"]}
