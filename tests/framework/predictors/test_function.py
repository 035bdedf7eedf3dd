from collections.abc import Sequence

import numpy as np

from distil.framework.data.features import WindowSettings
from distil.framework.predictors.function import FunctionPredictor
from distil.framework.signals.algebra import NULL, Signals
from distil.framework.tasks.base import InferenceConfig
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
