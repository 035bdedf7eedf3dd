"""Teachers that say nothing about some examples: the others are heard alone, and nobody learns from nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distil.framework.data.example import Example
from distil.framework.ensembles import rules
from distil.framework.ensembles.source import EnsembleSource
from distil.framework.signals.algebra import Signals, temper, to_dense
from distil.framework.signals.collect import SignalWriter
from distil.framework.signals.section import SignalSettings
from distil.framework.signals.shards import SignalReader
from distil.framework.signals.silence import evened, silenced, silent
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.span_qa.task import ExtractiveQA
from tests.framework.signals.made_up import assert_same, drawn, of_masses

CONTEXT = "Anna lives in Tver, not Omsk."
EXAMPLES = [QAExample(str(number), CONTEXT, "Where?", None) for number in range(4)]
WHICH = st.lists(st.booleans(), min_size=4, max_size=4).map(lambda which: np.asarray(which, np.bool_))
RULES = [
    rules.Mean(),
    rules.Geometric(),
    rules.Confidence(),
    rules.Agreement(),
    rules.Weighted(weights={"a": 1, "b": 2, "c": 3}),
]


class Said:
    """See TeacherSignals."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals

    def prefetch(self, batches: Sequence[Sequence[Example]]) -> None:
        """Everything is there."""

    def signals(self, examples: Sequence[Example]) -> Signals:
        return self._signals.take(np.asarray([int(example.id) for example in examples], np.int64))


def source(rule: Any, teachers: dict[str, Signals], **more: Any) -> EnsembleSource:
    said = {name: Said(signals) for name, signals in teachers.items()}
    return EnsembleSource(rule, said, dict.fromkeys(teachers, 1.0), {}, ExtractiveQA(), **more)


@given(drawn(4), WHICH, st.floats(0.1, 10))
def test_who_is_silent_has_no_mass_at_any_temperature_and_others_are_as_they_were(
    signals: Signals, which: np.ndarray, temperature: float
) -> None:
    found = silenced(signals, which)
    assert silent(found).tolist() == silent(temper(found, temperature)).tolist() == which.tolist()
    spoken = np.flatnonzero(~which)
    assert_same(found.take(spoken), signals.take(spoken))
    assert to_dense(found.take(np.flatnonzero(which)), 25).sum() == 0


def test_silence_is_stored(tmp_path: Path) -> None:
    signals = silenced(of_masses(*[{3: 0.5, 5: 0.5}] * 8), np.asarray([True, False, True, False]))
    writer = SignalWriter(tmp_path, SignalSettings())
    writer.add(EXAMPLES, signals)
    writer.flush()
    assert silent(SignalReader(tmp_path).signals(EXAMPLES)).tolist() == [True, False, True, False]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.rule)
@settings(max_examples=10)
@given(a=drawn(4), b=drawn(4), c=drawn(4), which=WHICH)
def test_the_others_are_mixed_as_if_they_were_all(
    rule: Any, a: Signals, b: Signals, c: Signals, which: np.ndarray
) -> None:
    teachers = {"a": silenced(a, which), "b": b, "c": c}
    found = source(rule, teachers)
    weights = found.weights(EXAMPLES)
    assert (weights[which, 0] == 0).all()
    np.testing.assert_allclose(weights.sum(1), 1)
    two = source(rule, {"b": b, "c": c})
    np.testing.assert_allclose(weights[which][:, 1:], two.weights(EXAMPLES)[which], atol=1e-12)
    (mixed,) = found.signals(EXAMPLES, [2.0])[2.0]
    (of_two,) = two.signals(EXAMPLES, [2.0])[2.0]
    chosen = np.flatnonzero(which)
    assert_same(mixed.take(chosen), of_two.take(chosen))


@pytest.mark.parametrize("rule", [*RULES[:2], rules.Sampled()], ids=lambda rule: rule.rule)
def test_where_nobody_speaks_there_is_nothing_and_measured_all_is_alike(rule: Any) -> None:
    which = np.asarray([True, False, False, False])
    one, other = of_masses(*[{0: 1.0}] * 8), of_masses(*[{5: 1.0}] * 8)
    teachers = {"a": silenced(one, which), "b": silenced(other, which)}
    for found in source(rule, teachers).signals(EXAMPLES, [1.0])[1.0]:
        assert silent(found).tolist() == which.tolist()
    (measured,) = source(rule, teachers, ignore_labels=True).signals(EXAMPLES, [1.0])[1.0]
    np.testing.assert_allclose(to_dense(measured, len(CONTEXT))[:2], 1 / len(CONTEXT))


def test_who_teaches_in_turn_and_says_nothing_is_spoken_for_by_the_others() -> None:
    which = np.asarray([True, False, True, False])
    one, other = of_masses(*[{0: 1.0}] * 8), of_masses(*[{5: 1.0}] * 8)
    first, second = source(rules.Sampled(), {"a": silenced(one, which), "b": other}).signals(EXAMPLES, [1.0])[1.0]
    assert to_dense(first, 6)[:, 5].tolist() == [1, 1, 0, 0, 1, 1, 0, 0]
    assert_same(second, other)


@given(drawn(4), WHICH)
def test_evened_out_all_outcomes_are_alike(signals: Signals, which: np.ndarray) -> None:
    found = evened(silenced(signals, which), np.full(8, 25))
    assert not silent(found).any()
    np.testing.assert_allclose(to_dense(found, 25).sum(1), 1, atol=1e-5)
    spoken = np.flatnonzero(~which)
    assert_same(found.take(spoken), signals.take(spoken))
