"""The mass that a signal gives the gold answer."""

import numpy as np
import pytest

from framework.signals.gold import gold_log_mass
from framework.signals.span import Side, SpanSignal
from framework.tasks.span_qa.example import Answer, QAExample

CONTEXT = "Пётр жил в Туле, да."
TULA = CONTEXT.index("Туле")


def side(masses: dict[int, float], null: float = 0.0, tail: float = 0.0, tail_size: int = 0) -> Side:
    with np.errstate(divide="ignore"):
        logs = np.log(np.asarray([*masses.values(), null, tail]))
    return Side(np.asarray(list(masses), np.int64), logs[:-2], float(logs[-2]), float(logs[-1]), tail_size)


def gold(start: Side, end: Side, *answers: str) -> list[float]:
    found = tuple(Answer(text, CONTEXT.index(text)) for text in answers)
    return [float(np.exp(log)) for log in gold_log_mass(SpanSignal(start, end), QAExample("1", CONTEXT, "Где?", found))]


def test_the_mass_on_a_word_counts_for_every_place_in_it() -> None:
    """One teacher has the token `Туле`, another `Ту`, `ле` and `,`."""
    start = side({0: 0.3, TULA: 0.4, TULA + 2: 0.1}, null=0.2)
    end = side({TULA + 1: 0.2, TULA + 3: 0.3, TULA + 4: 0.1, TULA + 6: 0.4})
    assert gold(start, end, "Туле") == pytest.approx([0.5, 0.6])
    assert gold(start, end, "жил в Туле") == pytest.approx([1e-6, 0.6])


def test_of_several_answers_the_first_counts() -> None:
    one = side({0: 0.3, TULA: 0.7})
    assert gold(one, one, "Пётр", "Туле") == pytest.approx([0.3, 0.3])


def test_no_answer_is_the_null_mass() -> None:
    assert gold(side({0: 0.75}, null=0.25), side({0: 0.5}, null=0.5)) == pytest.approx([0.25, 0.5])


def test_what_was_left_out_has_the_tails_average_and_the_impossible_the_least_mass() -> None:
    start = side({0: 0.6}, tail=0.4, tail_size=8)
    assert gold(start, side({0: 1.0}), "Туле") == pytest.approx([0.05, 1e-6])
