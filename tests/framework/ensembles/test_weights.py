"""How the rules weigh teachers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distil.framework.ensembles.rules import Agreement, Confidence, LabelAware, Weighted
from distil.framework.metrics import Metric, points_of
from distil.framework.segments import Floats
from distil.framework.signals.algebra import NULL, Signals, entropy
from distil.framework.tasks.span_qa.data import Answer, QAExample
from tests.framework.ensembles.opinions import CONTEXT, EXAMPLE, F1, by_number, signals, source_of
from tests.framework.signals.made_up import of_masses, signals_of

BEGIN = CONTEXT.index("Воткинске")
END = BEGIN + len("Воткинске") - 1


def weights(rule: object, *said: Signals, example: QAExample = EXAMPLE) -> Floats:
    found: Floats = source_of(rule, dict(zip("abcd", said, strict=False))).weights([example])[0]
    return found


def peaked(mass: float, start: int = BEGIN, end: int = END, left_out: int = 0) -> Signals:
    """`mass` on one start and one end, the rest on character 0 or, with `left_out`, in a tail of so many."""
    if left_out:
        return of_masses({start: mass}, {end: mass}, tail=[1 - mass] * 2, tail_size=[left_out] * 2)
    return signals_of(*([(NULL, -np.inf), (place, np.log(mass)), (0, np.log(1 - mass))] for place in (start, end)))


@given(signals, signals, signals)
def test_confidence_falls_linearly_with_entropy(one: Signals, two: Signals, three: Signals) -> None:
    entropies = np.asarray([entropy(said).mean() for said in (one, two, three)])
    found = weights(Confidence(), one, two, three)
    if entropies.sum() > 1e-9:
        assert found == pytest.approx((1 - entropies / entropies.sum()) / 2, abs=1e-6)
    ranked = found[np.argsort(entropies)]
    assert (np.diff(ranked) <= 1e-6).all()


def test_confidence_of_teachers_that_are_all_certain_is_the_same() -> None:
    certain = by_number(1.0, 0.0)
    assert weights(Confidence(), certain, certain, certain) == pytest.approx([1 / 3] * 3)


@given(st.lists(st.floats(0.01, 0.99), min_size=3, max_size=3))
def test_label_aware_is_the_formula_of_ca_mkd(masses: list[float]) -> None:
    found = weights(LabelAware(), *map(peaked, masses))
    shares = np.reciprocal(masses) / np.reciprocal(masses).sum()  # exp(cross-entropy) is 1 / mass
    assert found == pytest.approx((1 - shares) / 2, abs=1e-6)
    assert (np.diff(found[np.argsort(masses)]) >= -1e-6).all()


def test_label_aware_finds_the_gold_answer_by_its_word() -> None:
    """A teacher whose token begins in the middle of the word is as right as one whose token begins with it."""
    assert weights(LabelAware(), peaked(0.7), peaked(0.7, BEGIN + 3, END + 1)) == pytest.approx([0.5, 0.5])
    beside = weights(LabelAware(), peaked(0.7), peaked(0.7, BEGIN - 2, END - 10))
    assert beside[0] > 0.99


def test_label_aware_counts_what_a_teacher_left_out_at_the_average_of_its_tail() -> None:
    elsewhere = {"start": 0, "end": 0}
    # 0.4 of the mass in a tail of 4 is 0.1 on the gold answer; in a tail of 4 million it is the floor of 1e-6.
    found = weights(LabelAware(), peaked(0.1), peaked(0.6, **elsewhere, left_out=4))
    assert found == pytest.approx([0.5, 0.5])
    found = weights(LabelAware(), peaked(1e-6), peaked(0.6, **elsewhere, left_out=4_000_000))
    assert found == pytest.approx([0.5, 0.5])
    assert weights(LabelAware(), peaked(1e-6), by_number(0.5, 0.5)) == pytest.approx([0.5, 0.5])


def test_label_aware_without_an_answer_looks_at_null_and_only_the_first_answer_counts() -> None:
    says_none, says_some = by_number(0.2, 0.8), by_number(0.6, 0.4)
    unanswerable = QAExample("1", CONTEXT, "Где?", ())
    assert weights(LabelAware(), says_none, says_some, example=unanswerable) == pytest.approx([2 / 3, 1 / 3])
    two = QAExample("1", CONTEXT, "Где?", (Answer("Воткинске", BEGIN), Answer("Пётр", 0)))
    assert weights(LabelAware(), peaked(0.8), peaked(0.2), example=two) == pytest.approx([0.8, 0.2])


@given(st.floats(0.05, 1.0))
def test_agreement_gives_an_outlier_the_least(tau: float) -> None:
    found = weights(Agreement(tau=tau), peaked(0.9), peaked(0.1), peaked(0.8))
    assert found[1] < found[0] < found[2]


def test_agreement_is_its_formula() -> None:
    """Two teachers share their opinion, and the third shares nothing with them."""
    same, other = peaked(1 - 1e-15), peaked(1 - 1e-15, 1, 2)
    near = (0.5 * np.log(0.5 / 0.75) + 0.5 * np.log(0.5 / 0.25) - np.log(0.75)) / 2  # JS of (1, 0) and (½, ½)
    expected = np.exp(-np.asarray([near, near, np.log(2)]) / 0.3)
    assert weights(Agreement(tau=0.3), same, same, other) == pytest.approx(expected / expected.sum())
    # Two are equally far from each other.
    assert weights(Agreement(), same, other) == pytest.approx([0.5, 0.5])


def test_given_weights_are_scaled() -> None:
    rule = Weighted(weights={"b": 1.0, "a": 3.0})
    assert weights(rule, peaked(0.5), peaked(0.5)) == pytest.approx([0.75, 0.25])


@pytest.mark.parametrize("tau", [0.01, 1.0, 20.0])
def test_weights_by_f1_are_a_softmax_of_points(tau: float) -> None:
    found = weights(Weighted(weights="f1", tau=tau), peaked(0.5), peaked(0.5), peaked(0.5))
    points = np.asarray(list(F1.values()))
    assert found == pytest.approx(np.exp((points - 81) / tau) / np.exp((points - 81) / tau).sum())


def test_given_weights_have_to_be_those_of_the_teachers() -> None:
    rule = Weighted(weights={"large": 2.0, "smal": 1.0})
    unknown, missing = rule.check(["large", "small"])
    assert "no teacher is called 'smal'; did you mean 'small'?" in unknown
    assert "teacher 'small' has none" in missing
    assert Weighted(weights={"large": 2.0, "small": 1.0}).check(["large", "small"]) == []
    assert Weighted(weights="f1").check(["large", "small"]) == []


def test_points_are_percent_or_hundredths() -> None:
    measured = {"large": {"mcc": 0.75, "accuracy": 80.0}, "small": {"mcc": -0.25, "accuracy": 30.0}}
    metrics = [Metric("accuracy", "accuracy"), Metric("mcc", "MCC", percent=False)]
    assert points_of("accuracy", metrics, measured) == {"large": 80.0, "small": 30.0}
    assert points_of("mcc", metrics, measured) == {"large": 75.0, "small": -25.0}
    assert points_of(None, metrics, measured) == {}
