"""What classification demands of other sections of a recipe, in words."""

from typing import TYPE_CHECKING

from framework.data.features import WindowSettings
from framework.tasks.classification.synthetic.section import Messages

if TYPE_CHECKING:
    from framework.tasks.classification.settings import ClassificationSettings
    from framework.tasks.sections import Sections

_OF_ANSWERS = ("beams", "candidates", "max_answer")  # settings of generative teachers that write


def problems_of(task: "ClassificationSettings", recipe: "Sections") -> list[str]:
    """All of these."""
    checks = (window_problems, source_problems, number_problems, generative_problems)
    return [problem for check in checks for problem in check(task, recipe)]


def window_problems(task: "ClassificationSettings", recipe: "Sections") -> list[str]:
    """There is nothing to overlap where texts are cut, and no question."""
    usual, problems = WindowSettings(), []
    places = {f"teachers.{name}.windows": teacher.windows for name, teacher in recipe.teachers.items()}
    for place, windows in {"windows": recipe.windows, **places}.items():
        if windows is None:
            continue
        if windows.max_question != usual.max_question:
            problems.append(f"{place}.max_question is for questions, and {task.kind} has none: drop it")
        if task.long_texts == "truncate" and windows.doc_stride != usual.doc_stride:
            problems.append(
                f"{place}.doc_stride is for overlapping windows, and task.long_texts is truncate: drop it, or set "
                "task.long_texts: pool"
            )
    return problems


def source_problems(task: "ClassificationSettings", recipe: "Sections") -> list[str]:
    """Generated messages that ask about several topics have several labels."""
    sources = {"data.source": recipe.data.source}
    sources |= {f"data.extra.{name}.source": extra.source for name, extra in recipe.data.extra.items()}
    return [
        f"{place}.requests is {source.requests}, and a text has one label: set task.problem_type: multi_label, or requests: 1"
        for place, source in sources.items()
        if isinstance(source, Messages) and source.requests > 1 and task.problem_type == "single_label"
    ] + [
        f"{place}: generated messages have labels and no numbers: take other data, or another task.problem_type"
        for place, source in sources.items()
        if isinstance(source, Messages) and task.problem_type == "regression"
    ]


def number_problems(task: "ClassificationSettings", recipe: "Sections") -> list[str]:
    """A signal of a number does not say how sure a teacher is, and no outcome is the right one."""
    if task.problem_type != "regression":
        return []
    problems = [
        f"teachers.{name}.temperature: calibrated is by the likelihood of labels, and numbers have none: drop it, or give a number"
        for name, teacher in recipe.teachers.items()
        if teacher.temperature == "calibrated"
    ]
    rule = recipe.ensemble.rule if recipe.ensemble is not None else None
    if rule == "confidence":
        problems.append(
            "ensemble.rule: confidence is by how sure teachers are, which numbers do not tell: take another rule"
        )
    if rule == "label_aware":
        problems.append(
            "ensemble.rule: label_aware is by the likelihood of labels, and numbers have none: take another rule"
        )
    return problems


def generative_problems(task: "ClassificationSettings", recipe: "Sections") -> list[str]:
    """Generative teachers score words, one text and one label at a time."""
    from framework.tasks.classification.verbalised import parse
    from framework.teachers.generative import Generative

    problems = []
    teachers = {name: teacher for name, teacher in recipe.teachers.items() if isinstance(teacher, Generative)}
    if task.verbaliser is not None and not teachers:
        problems.append("task.verbaliser is for generative teachers, and there is none: drop it")
    for name, teacher in teachers.items():
        place = f"teachers.{name}"
        if task.problem_type != "single_label":
            problems.append(
                f"{place}: a generative teacher tells one label of each text, and task.problem_type is {task.problem_type}"
            )
        if task.long_texts == "pool":
            problems.append(f"{place}: a prompt shows the beginning of a long text; set task.long_texts: truncate")
        problems += [
            f"{place}.{field} is for answers that are written, and a label's words are scored: drop it"
            for field in _OF_ANSWERS
            if getattr(teacher, field) != Generative.model_fields[field].default
        ]
        if teacher.prompt is not None:
            try:
                parse(teacher.prompt)
            except ValueError as error:
                problems.append(f"{place}.prompt: {error}")
    return problems
