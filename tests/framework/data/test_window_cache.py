"""Windows that are remembered equal those that are cut anew."""

import numpy as np

from distil.framework.data.features import WindowSettings
from distil.framework.data.load import Split
from distil.framework.data.window_cache import split_features
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.tasks.span_qa.windows import Windows, cut_windows
from tests.tokenizing import tokenizer as tokenizer_of

TASK = ExtractiveQA()
SETTINGS = WindowSettings(max_length=32, doc_stride=8, max_question=8)


def split(name: str) -> Split:
    return Split([QAExample(name, f"Анна {name} живёт в Омске и работает в школе.", "Где живёт Анна?", None)])


def same(one: Windows, other: Windows) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("rows", "input_ids", "spans", "reach")
    )


def test_the_same_questions_are_cut_once() -> None:
    tokenizer, other = tokenizer_of("wordpiece"), tokenizer_of("byte-level bpe")
    first = split_features(TASK, split("a"), tokenizer, SETTINGS)
    assert split_features(TASK, split("a"), tokenizer, SETTINGS) is first
    assert same(first, cut_windows(split("a").examples, tokenizer, SETTINGS))
    for changed in (
        split_features(TASK, split("b"), tokenizer, SETTINGS),
        split_features(TASK, split("a"), other, SETTINGS),
        split_features(TASK, split("a"), tokenizer, SETTINGS.model_copy(update={"max_length": 24})),
    ):
        assert changed is not first
    again = split_features(TASK, split("a"), tokenizer, SETTINGS)  # forgotten meanwhile
    assert again is not first
    assert same(again, first)
