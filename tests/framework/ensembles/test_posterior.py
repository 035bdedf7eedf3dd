"""Teachers that are weighed by how well they have foretold a text so far."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distil.framework.ensembles.base import TeacherOutputs
from distil.framework.ensembles.posterior import posterior
from distil.framework.ensembles.rules import Posterior
from distil.framework.ensembles.source import EnsembleSource
from distil.framework.errors import ModelError
from distil.framework.segments import Floats, bounds
from distil.framework.signals.algebra import Signals, normalised
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.settings import TextSettings
from distil.framework.tasks.text.signal import NO, YES
from tests.framework.ensembles.opinions import CONTEXT
from tests.framework.ensembles.test_heads import Known, without
from tests.framework.signals.made_up import assert_same, masses, of_masses

COUNTS = (4, 1, 6)  # boundaries of the texts
TEXTS = [Written(str(number), "", "x") for number in range(len(COUNTS))]
TASK: Any = TextSettings()
_of_units = np.concatenate([np.repeat([False, True], count) for count in COUNTS])


def texts(units: Sequence[float]) -> Signals:
    """Signals of a teacher who says how probable each unit is; of first bytes, that the first two are alike."""
    at, rows = iter(units), []
    for is_unit in _of_units.tolist():
        yes = next(at) if is_unit else 0.5
        rows.append([(NO, 1 - yes), (YES, yes)])
    with np.errstate(divide="ignore"):
        logs = np.log([mass for row in rows for _, mass in row])
    return normalised(
        bounds(2 * np.asarray(COUNTS)),
        bounds(np.full(len(rows), 2)),
        np.asarray([key for row in rows for key, _ in row]),
        logs,
        np.full(len(rows), -np.inf),
        np.zeros(len(rows), np.int32),
    )


_count = sum(COUNTS)
probable = st.lists(st.floats(1e-6, 1.0), min_size=_count, max_size=_count)
teachers = st.lists(probable, min_size=2, max_size=4)
lacks = st.lists(st.lists(st.booleans(), min_size=_count, max_size=_count), min_size=4, max_size=4)


def source(rule: Any, said: Sequence[Signals], **more: Any) -> EnsembleSource:
    named = {name: Known(one) for name, one in zip("abcd", said, strict=False)}
    return EnsembleSource(rule, named, dict.fromkeys(named, 1.0), {}, TASK, **more)


def bits_of(signals: Signals) -> tuple[Floats, Any]:
    """What each unit takes, nan where nothing is said of it, and whose unit it is."""
    yes = np.full(len(signals.tail), np.nan)
    entries = signals.keys == YES
    yes[np.repeat(np.arange(len(yes)), np.diff(signals.rows))[entries]] = signals.log_p[entries]
    return -yes[_of_units] / np.log(2), np.repeat(np.arange(len(COUNTS)), COUNTS)


@given(teachers)
@settings(max_examples=15)
def test_with_tau_1_it_is_the_bayesian_mixture_of_texts(units: Any) -> None:
    """Units of a text come to the mean of the probabilities that the teachers give the whole text."""
    (mixed,) = source(Posterior(), [texts(one) for one in units]).signals(TEXTS, [1.0])[1.0]
    bits, owner = bits_of(mixed)
    for text in range(len(COUNTS)):
        whole = np.mean([np.prod(np.asarray(one)[owner == text]) for one in units])
        assert bits[owner == text].sum() == pytest.approx(-np.log2(whole), rel=1e-4, abs=1e-4)


@given(teachers, lacks)
@settings(max_examples=25)
def test_a_text_takes_no_more_bits_than_by_any_teacher_and_log2_of_how_many(units: Any, missing: Any) -> None:
    """On what this teacher speaks of, also where others say nothing of other units."""
    said = []
    for one, of_it in zip(units, missing, strict=False):
        empty = np.zeros(len(_of_units), bool)
        empty[_of_units] = of_it
        said.append(without(texts(one), empty))
    (mixed,) = source(Posterior(), said).signals(TEXTS, [1.0])[1.0]
    bits, owner = bits_of(mixed)
    for one in said:
        own, _ = bits_of(one)
        for text in range(len(COUNTS)):
            common = (owner == text) & ~np.isnan(own)
            assert not np.isnan(bits[common]).any()
            assert bits[common].sum() <= own[common].sum() + np.log2(len(said)) + 1e-3


def test_weights_follow_what_was_foretold() -> None:
    good, bad = texts([0.9] * _count), texts([0.1] * _count)
    found = source(Posterior(), [good, bad])
    weights = found._weights(TEXTS, [good, bad]).of_heads[:8, 0]
    expected = [9**turn / (9**turn + 1) for turn in range(4)]
    assert weights == pytest.approx(expected * 2)  # first bytes, then units
    cool = source(Posterior(tau=2.0), [good, bad])._weights(TEXTS, [good, bad]).of_heads[:4, 0]
    assert cool == pytest.approx([3**turn / (3**turn + 1) for turn in range(4)])
    prior = source(Posterior(prior={"a": 1, "b": 9}), [good, bad])._weights(TEXTS, [good, bad]).of_heads[:2, 0]
    assert prior == pytest.approx([0.1, 0.5])
    assert found.weights(TEXTS[:1])[0, 0] == pytest.approx(np.mean(expected))


def test_who_says_nothing_of_a_unit_gains_nothing_by_it() -> None:
    good, bad = texts([0.9] * _count), texts([0.1] * _count)
    empty = np.zeros(len(_of_units), bool)
    empty[4] = True  # the first unit of the first text
    weights = source(Posterior(), [good, bad])
    of_quiet = weights._weights(TEXTS, [good, without(bad, empty)]).of_heads
    assert of_quiet[5].tolist() == pytest.approx([0.5, 0.5])
    assert posterior(TeacherOutputs(TEXTS, ["a", "b"], [good, bad], {}, TASK), np.asarray([0.5, 0.5]), 1.0).after[
        :, 0
    ] == pytest.approx([9**count / (9**count + 1) for count in COUNTS])


@given(teachers)
@settings(max_examples=5)
def test_what_a_text_gets_depends_on_nothing_else(units: Any) -> None:
    """Not a bit."""
    found = source(Posterior(tau=0.5), [texts(one) for one in units])
    (together,) = found.signals(TEXTS, [1.0])[1.0]
    for number, text in enumerate(TEXTS):
        (alone,) = found.signals([text], [1.0])[1.0]
        assert_same(together.take(np.asarray([number])), alone)


@given(probable, st.integers(2, 4), st.sampled_from([0.1, 1.0, 10.0]))
@settings(max_examples=5)
def test_teachers_that_agree_are_one_teacher(units: Any, count: int, tau: float) -> None:
    one = texts(units)
    (mixed,) = source(Posterior(tau=tau), [one] * count).signals(TEXTS, [1.0])[1.0]
    assert masses(mixed, 2) == pytest.approx(masses(one, 2), abs=1e-6)


def test_what_is_impossible_to_a_teacher_puts_it_out() -> None:
    never, ever = texts([0.0] * _count), texts([0.5] * _count)
    weights = source(Posterior(), [never, ever])._weights(TEXTS, [never, ever]).of_heads
    assert weights[5] == pytest.approx([0, 1], abs=1e-9)
    assert np.isfinite(source(Posterior(), [never, never]).weights(TEXTS)).all()


def test_heads_that_show_in_no_order_have_no_posterior() -> None:
    one = of_masses({0: 1.0}, {0: 1.0})
    example = QAExample("0", CONTEXT, "Где?", None)
    with pytest.raises(ModelError, match="heads of this task show in no order"):
        posterior(TeacherOutputs([example], ["a", "b"], [one, one], {}, ExtractiveQA()), np.ones(2) / 2, 1.0)
