from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from distil.framework.data.features import WindowSettings
from distil.framework.errors import UserError
from distil.framework.predictors.function import FunctionPredictor
from distil.framework.signals.algebra import NULL, Signals, from_dense
from distil.framework.signals.checks import check_said
from distil.framework.signals.silence import silenced
from distil.framework.tasks.base import InferenceConfig
from distil.framework.tasks.defaults import TaskSection
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.tasks.span_qa.write import from_spans
from tests.framework.signals.made_up import entries

INFERENCE = InferenceConfig(ExtractiveQA(unanswerable=True), WindowSettings(), 32, "fp32")
EXAMPLES = [QAExample(word, "Anna lives in Tver", word, None) for word in ("Anna", "Tver", "Moscow")]


def test_predictions_follow_from_the_function() -> None:
    predictor = FunctionPredictor(expects_the_question, INFERENCE)
    found = predictor.predict(EXAMPLES)
    assert {key: record["answer"] for key, record in found.items()} == {"Anna": "Anna", "Tver": "Tver", "Moscow": ""}
    assert predictor.parameters == 0


def test_signals_are_what_the_function_gives() -> None:
    signals = FunctionPredictor(expects_the_question, INFERENCE).signals(EXAMPLES, proposals=[])
    likeliest = [max(entries(signals, head), key=lambda entry: entry[1])[0] for head in range(6)]
    assert likeliest == [0, 3, 14, 17, NULL, NULL]


def expects_the_question(examples: Sequence[QAExample]) -> Signals:
    """A teacher that is sure that the question's own text is the answer, where the context has it."""
    places = [example.context.find(example.question) for example in examples]
    spans = [[] if at < 0 else [(at, at + len(example.question))] for at, example in zip(places, examples, strict=True)]
    nulls = [0.0 if at < 0 else -np.inf for at in places]
    return from_spans([np.asarray(one) for one in spans], [np.zeros(len(one)) for one in spans], nulls)


LOGITS = np.zeros((3, 2))


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (None, "says None, expected Signals about the 3 examples"),
        (from_dense(LOGITS[:2], np.arange(2)), "says signals about 2, expected Signals about the 3"),
        (from_dense(LOGITS, np.arange(2)), "says 3 heads about 3 examples, expected 6: docs/signals.md says which"),
        (
            from_dense(LOGITS + np.nan, np.arange(2), np.asarray([0, 1, 2, 3])),
            r"'Anna', in head 0, the sum nan, expected 1",
        ),
        (
            from_dense(np.zeros((6, 2)), np.asarray([0, 18]), np.asarray([0, 2, 4, 6])),
            r"'Anna', in head 0, the outcome 18, expected one from 0 to 17, or -1",
        ),
    ],
)
def test_what_are_no_signals_about_the_examples_is_refused(said: Any, message: str) -> None:
    predictor = FunctionPredictor(lambda examples: said, INFERENCE)
    with pytest.raises(UserError, match=message):
        predictor.signals(EXAMPLES)
    with pytest.raises(UserError, match=message):
        predictor.predict(EXAMPLES)


def test_a_task_that_has_not_said_how_many_outcomes_there_are_may_have_any() -> None:
    class Own(TaskSection):
        kind: str

    said = from_dense(np.zeros((6, 2)), np.asarray([0, 2**17]), np.asarray([0, 2, 4, 6]))
    assert check_said(said, EXAMPLES, Own(kind="own")) is said


def test_masses_that_do_not_sum_to_1_are_refused_and_silence_is_not() -> None:
    whole = expects_the_question(EXAMPLES)
    twice = replace(whole, log_p=whole.log_p + np.float32(np.log(2)))
    with pytest.raises(UserError, match="in head 0, the sum 2, expected 1"):
        FunctionPredictor(lambda examples: twice, INFERENCE).signals(EXAMPLES)
    quiet = silenced(whole, np.asarray([True, False, True]))
    assert FunctionPredictor(lambda examples: quiet, INFERENCE).signals(EXAMPLES) is quiet
