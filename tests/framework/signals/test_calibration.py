"""The temperature that fits a teacher to labels."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from distil.framework.signals.algebra import NULL, Signals
from distil.framework.signals.calibration import Calibration, calibrate
from distil.framework.tasks.span_qa.data import Answer, QAExample
from distil.framework.tasks.span_qa.write import gold_outcomes
from tests.framework.signals.made_up import signals_of

WORDS = ["Анна", "была", "вчера", "в", "Туле"]
CONTEXT = " ".join(WORDS)
BEGINS = np.cumsum([0, *(len(word) + 1 for word in WORDS[:-1])])
ENDS = BEGINS + [len(word) - 1 for word in WORDS]


def labelled(counts: list[int]) -> list[QAExample]:
    """Of every word as many questions whose answer it is as `counts` says; of the last count those without an answer."""
    answers = [(Answer(word, int(begin)),) for word, begin in zip(WORDS, BEGINS, strict=True)]
    gold = [answer for answer, count in zip([*answers, ()], counts, strict=True) for _ in range(count)]
    return [QAExample(str(number), CONTEXT, "Где?", answer) for number, answer in enumerate(gold)]


def output(masses: np.ndarray, temperature: float, count: int) -> Signals:
    """A teacher whose logits, divided by `temperature`, would give these probabilities of the words and of no answer."""
    logs = (np.log(masses) * temperature).tolist()
    rows = [list(zip([*chars.tolist(), NULL], logs, strict=True)) for chars in (BEGINS, ENDS)]
    return signals_of(*rows * count)


def calibrated(examples: list[QAExample], signals: Signals) -> Calibration:
    return calibrate(signals, gold_outcomes(examples))


@given(st.lists(st.integers(1, 8), min_size=6, max_size=6), st.floats(0.3, 3.0))
@settings(max_examples=15)
def test_a_teacher_that_is_too_sure_or_not_sure_enough_is_found_out(counts: list[int], temperature: float) -> None:
    """Answers occur as often as the teacher's logits at `temperature` say, so that no other one fits better."""
    assume(max(counts) >= 2 * min(counts))
    examples = labelled(counts)
    masses = np.asarray(counts) / sum(counts)
    sharp = masses**temperature
    found = calibrated(examples, output(masses, temperature, len(examples)))
    assert found.temperature == pytest.approx(temperature, rel=0.02)
    assert found.nll_calibrated == pytest.approx(-(masses * np.log(masses)).sum(), abs=1e-4)
    assert found.nll == pytest.approx(-(masses * (np.log(sharp) - np.log(sharp.sum()))).sum())
    assert found.nll_calibrated <= found.nll + 1e-4
