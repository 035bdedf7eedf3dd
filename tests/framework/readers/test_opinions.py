import numpy as np

from framework.data.windows_section import WindowSettings
from framework.readers.base import Reading
from framework.readers.opinions import OpinionReader
from framework.signals.span import Side, SpanSignal
from framework.tasks.span_qa.example import QAExample
from framework.tasks.span_qa.task import ExtractiveQA

READING = Reading(ExtractiveQA(), WindowSettings(), 32, "fp32")
EXAMPLES = [QAExample(word, "Anna lives in Tver", word, None) for word in ("Anna", "Tver", "Moscow")]


def test_predictions_follow_from_opinions() -> None:
    reader = OpinionReader(expects_the_question, READING)
    found = reader.predict(EXAMPLES)
    assert {key: record["answer"] for key, record in found.items()} == {"Anna": "Anna", "Tver": "Tver", "Moscow": ""}
    assert reader.parameters == 0


def test_signals_are_the_opinions_in_order() -> None:
    signals = OpinionReader(expects_the_question, READING).signals(EXAMPLES, hints=[[]])
    assert [signal.start.chars.tolist() for signal in signals] == [[0], [14], []]
    assert [signal.end.chars.tolist() for signal in signals] == [[3], [17], []]


def expects_the_question(example: QAExample) -> SpanSignal:
    """A teacher that is sure that the question's own text is the answer, where the context has it."""
    at = example.context.find(example.question)
    places = [] if at < 0 else [(at, at + len(example.question) - 1)]
    begin, end = np.asarray(places, np.int64).reshape(-1, 2).T
    null = 0.0 if at < 0 else -np.inf
    return SpanSignal(*(Side(chars, np.zeros(len(chars)), null) for chars in (begin, end)))
