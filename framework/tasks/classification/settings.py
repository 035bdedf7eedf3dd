"""The settings of a classification, which of them belong together, and what they demand of other sections of a recipe."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from distil.framework.config import WORD_OR_LIST
from distil.framework.data.features import WindowSettings
from distil.framework.data.records import Asked
from distil.framework.tasks.classification.synthetic import Messages
from distil.framework.tasks.defaults import TaskSection
from distil.framework.tasks.spelling import once_each, spelt_otherwise, spelt_twice

if TYPE_CHECKING:
    from distil.framework.tasks.sections import Sections


def _no_blank(word: str) -> str:
    if not word.strip():
        raise ValueError("a blank word has no likelihood; write one, or leave its label out")
    return word


_Word = Annotated[str, AfterValidator(_no_blank)]
Words = Annotated[
    Annotated[_Word, Tag("word")] | Annotated[list[_Word], Field(min_length=1), Tag("list")], WORD_OR_LIST
]
Label = Annotated[str, Field(min_length=1, max_length=1000)]
Range = Annotated[list[Annotated[float, Field(ge=-1e12, le=1e12)]], Field(min_length=2, max_length=2)]
# Told apart beforehand, so that an error speaks of the form that was meant.
_Weights = Annotated[
    Annotated[dict[str, Annotated[float, Field(gt=0, le=1e6)]], Tag("weights")]
    | Annotated[Literal["balanced"], Tag("word")],
    Discriminator(lambda value: "word" if isinstance(value, str) else "weights"),
]
ClassWeights = Annotated[
    _Weights | None,
    Field(
        description="{label: weight of the examples that have it}, 1 where none is given; balanced: the rarer a label, the more "
        "it weighs, so that all weigh the same together."
    ),
]

TEXT, PAIR, ID = Asked("text"), Asked("text_pair", required=False), Asked("id", required=False)
LABEL = Asked("label", required=False, structured=True)
LABELS = Asked("labels", required=False, structured=True)
VALUE = Asked("value", required=False)
_OF_SEVERAL = ("separator", "label_columns", "threshold")
_OF_LABELS = ("labels", "class_weights", "verbaliser")
_OF_ANSWERS = ("beams", "candidates", "max_answer")  # settings of generative teachers that write


class ClassificationSettings(TaskSection):
    """What a recipe says of a classification; what is done with it is in Classification."""

    kind: Literal["classification"] = "classification"
    problem_type: Literal["single_label", "multi_label", "regression"] = Field(
        default="single_label", description="Whether a text has exactly one label, any number of them, or a number."
    )
    labels: Annotated[list[Label], Field(min_length=2)] | None = Field(
        default=None,
        description="Names of the labels in their order, by which numbers in the data are read that their file does not name. Default: those of the data, "
        "sorted.",
    )
    pairs: bool | None = Field(
        default=None,
        description="Whether a `text_pair` is read and asked for. Default: whether the data have it; where only some texts have, "
        "either may be asked.",
    )
    separator: str | None = Field(
        default=None, min_length=1, description="Multi-label: what separates labels that stand in one text."
    )
    label_columns: bool = Field(
        default=False, description="Multi-label: whether the data have a column of 0 and 1 for each of `labels`."
    )
    range: Range | None = Field(
        default=None, description="Regression: the least and the greatest number. Default: those of the data."
    )
    class_weights: ClassWeights = None
    long_texts: Literal["truncate", "pool"] = Field(
        default="truncate",
        description="Texts longer than windows.max_length: cut there, or read in windows that overlap by windows.doc_stride, "
        "whose logits are averaged.",
    )
    verbaliser: dict[str, Words] | None = Field(
        default=None,
        description="{label: word or words that stand for it}, by whose likelihood generative teachers say how probable it is; "
        "the first is what they are fine-tuned to write. Default: the label's own name.",
    )
    threshold: float = Field(
        default=0.5, gt=0, lt=1, description="Multi-label: the probability from which on a label is given."
    )


def asked_fields(task: ClassificationSettings) -> tuple[Asked, ...]:
    """What a record has to say, which depends on what is to be told of a text."""
    pair = () if task.pairs is False else (replace(PAIR, required=task.pairs is True),)
    fields = (TEXT, *pair, ID)
    if task.problem_type == "regression":
        return (*fields, VALUE)
    if task.problem_type == "single_label":
        return (*fields, LABEL)
    if task.label_columns:
        assert task.labels is not None
        return (*fields, *(Asked(label, required=False) for label in task.labels))
    return (*fields, LABELS)


def problem_of(task: ClassificationSettings) -> str | None:
    """What is wrong with the settings, in words; None if they can be together."""
    several, regression = task.problem_type == "multi_label", task.problem_type == "regression"
    usual = {name: field.default for name, field in type(task).model_fields.items()}
    given = [name for name in (*_OF_SEVERAL, *_OF_LABELS) if getattr(task, name) != usual[name]]
    for name in given:
        if name in _OF_SEVERAL and not several:
            return f"`{name}` is for several labels: set problem_type: multi_label, or drop it"
        if name in _OF_LABELS and regression:
            return f"`{name}` is for labels, and problem_type: regression has none: drop it"
    if task.range is not None and (not regression or task.range[0] >= task.range[1]):
        return "`range` is the least and the greatest number of problem_type: regression, the least first"
    if task.label_columns and task.labels is None:
        return "`label_columns` needs `labels`, which name the columns"
    if task.label_columns and task.separator is not None:
        return "labels stand in columns of their own or in one text: drop `label_columns` or `separator`"
    words = [[one] if isinstance(one, str) else one for one in (task.verbaliser or {}).values()]
    said = spelt_twice(task.verbaliser or ()) or spelt_twice(word for several in words for word in once_each(several))
    if said:
        return f"verbaliser: {said}"
    return None if task.labels is None else _problem_of_names(task, task.labels)


def _problem_of_names(task: ClassificationSettings, labels: list[str]) -> str | None:
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        return f"labels: '{twice}' is named twice"
    if said := spelt_twice(labels):
        return f"labels: {said}"
    for field in ("class_weights", "verbaliser"):
        named = getattr(task, field)
        unknown = next((name for name in named if name not in labels), None) if isinstance(named, dict) else None
        if unknown is not None:
            hint = spelt_otherwise(unknown, labels)
            return f"{field}: '{unknown}' is none of the labels {', '.join(labels)}{f': {hint}' if hint else ''}"
    return None


def recipe_problems(task: "ClassificationSettings", recipe: "Sections") -> list[str]:
    """All of these."""
    from distil.framework.generative.prompts import prompt_problems
    from distil.framework.tasks.classification.verbalised import parse

    checks = (window_problems, source_problems, number_problems, generative_problems, chat_problems)
    return [problem for check in checks for problem in check(task, recipe)] + prompt_problems(recipe.teachers, parse)


def window_problems(task: "ClassificationSettings", recipe: "Sections") -> list[str]:
    """There is nothing to overlap where texts are cut, and no question."""
    usual, problems = WindowSettings(), []
    places = {f"teachers.{name}.windows": teacher.windows for name, teacher in recipe.teachers.items()}
    for place, windows in {"windows": recipe.windows, **places}.items():
        if windows is None:
            continue
        if windows.max_question != usual.max_question:
            problems.append(f"{place}.max_question is for questions, and {task.kind} has none: drop it")
        if task.long_texts == "pool" and (said := windows.standstill):
            problems.append(f"{place}: {said}")
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
    from distil.framework.teachers.generative import Generative

    problems = []
    teachers = {name: teacher for name, teacher in recipe.teachers.items() if isinstance(teacher, Generative)}
    in_words = any(teacher.kind in ("generative", "chat") for teacher in recipe.teachers.values())
    if task.verbaliser is not None and not in_words:
        problems.append("task.verbaliser is for generative and chat teachers, and there is none: drop it")
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
    return problems


def chat_problems(task: "ClassificationSettings", recipe: "Sections") -> list[str]:
    """Chat teachers see whole texts, and say likelihoods of one label alone."""
    from distil.framework.teachers.chat import Chat

    problems = []
    for name, teacher in recipe.teachers.items():
        if not isinstance(teacher, Chat):
            continue
        place = f"teachers.{name}"
        if teacher.read != "votes" and task.problem_type != "single_label":
            problems.append(
                f"{place}.read: likelihoods are of one label of each text, and task.problem_type is {task.problem_type}: set read: votes"
            )
        if teacher.read != "votes" and teacher.samples > 1:
            problems.append(
                f"{place}.samples: likelihoods of labels are read from one answer: drop `samples`, or set read: votes"
            )
        if teacher.model is not None and teacher.read != "votes":
            idle = (
                ("sampling_temperature", "top_logprobs") if teacher.read == "likelihood" else ("sampling_temperature",)
            )
            problems += [
                f"{place}.{field} is for answers that are written, and a model that runs here is asked how likely each label is: drop it"
                for field in idle
                if getattr(teacher, field) != Chat.model_fields[field].default
            ]
    return problems
