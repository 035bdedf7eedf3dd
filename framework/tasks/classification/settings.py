"""The forms of a classification's settings, and which of them belong together."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Discriminator, Field, Tag

if TYPE_CHECKING:
    from framework.tasks.classification.task import Classification

Words = Annotated[str | Annotated[list[str], Field(min_length=1)], Field(union_mode="left_to_right")]
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

_OF_SEVERAL = ("separator", "label_columns", "threshold")
_OF_LABELS = ("labels", "class_weights", "verbaliser")


def problem_of(task: "Classification") -> str | None:
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
    return None if task.labels is None else _problem_of_names(task, task.labels)


def _problem_of_names(task: "Classification", labels: list[str]) -> str | None:
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        return f"labels: '{twice}' is named twice"
    for field in ("class_weights", "verbaliser"):
        named = getattr(task, field)
        unknown = next((name for name in named if name not in labels), None) if isinstance(named, dict) else None
        if unknown is not None:
            return f"{field}: '{unknown}' is none of the labels {', '.join(labels)}"
    return None
