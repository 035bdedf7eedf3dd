"""What stages have in common."""

from unicodedata import normalize

import pytest

from distil.framework.stages.stage import answers_version
from distil.framework.tasks.base import Task
from distil.framework.tasks.classification.task import Classification
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.tasks.tagging.task import Tagging
from distil.framework.tasks.text.task import Text


@pytest.mark.parametrize(
    ("task", "told"),
    [
        (Classification(labels=["хороший", "плохо"]), True),
        (Classification(labels=[normalize("NFD", "хороший"), "плохо"]), True),
        (Classification(labels=["a", "b"], verbaliser={"a": ["naïve"]}), True),
        (Tagging(labels=["O", "B-район", "I-район"]), True),
        (Classification(labels=["плохо", "good"]), False),
        (Text(prompt="Мой: {prompt}"), False),  # whose answers name no labels
        (ExtractiveQA(), False),
    ],
)
def test_answers_are_read_anew_where_labels_are_spelt_in_two_ways(task: Task, told: bool) -> None:
    assert answers_version(task, "chat") == ({"answers": 2} if told else {})
    assert answers_version(task, "encoder") == {}  # which says no labels in words
