"""Weights by head: teachers that say nothing of single heads, and rules that weigh them otherwise in each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distil.framework.config import Section
from distil.framework.ensembles.base import Mixing, TeacherOutputs
from distil.framework.ensembles.rules import Agreement, Confidence, Geometric, Mean, Sampled, Weighted
from distil.framework.ensembles.source import EnsembleSource, weight_figures
from distil.framework.errors import UserError
from distil.framework.segments import Floats
from distil.framework.signals.algebra import Signals, concat, entropy, temper
from distil.framework.signals.calibration import calibrate
from distil.framework.signals.mixing import divergence
from distil.framework.signals.shards import as_stored
from distil.framework.signals.silence import silenced
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.span_qa.task import ExtractiveQA
from tests.framework.ensembles.opinions import CONTEXT
from tests.framework.signals.made_up import OUTCOMES, assert_same, masses, of_masses

EXAMPLES = [QAExample(str(number), CONTEXT, "Где?", None) for number in range(3)]
HEADS = 3
RULES = [Mean(), Geometric(), Confidence(), Agreement(), Weighted(weights={"a": 1, "b": 2, "c": 3}), Sampled()]
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.rule)


def made(seed: int) -> Signals:
    """Signals with some entries in each head, a tail in some; drawing each by hypothesis takes too long here."""
    random = np.random.default_rng(seed)
    count = 3 * HEADS
    rows = [{int(key): float(random.exponential()) for key in random.integers(0, OUTCOMES, 4)} for _ in range(count)]
    tails = random.exponential(size=count) * random.integers(0, 2, count)
    return of_masses(*rows, heads=HEADS, tail=tails.tolist(), tail_size=(tails > 0).astype(int).tolist())


one_said = st.integers(0, 2**31).map(made)
said = st.tuples(*[one_said] * 3)
lacking = st.lists(st.booleans(), min_size=3 * 3 * HEADS, max_size=3 * 3 * HEADS).map(
    lambda which: np.reshape(which, (3, 3 * HEADS))
)


def without(signals: Signals, heads: Any) -> Signals:
    """The signals without what they say of some heads. heads: bool [H]"""
    alone = replace(signals, heads=np.arange(len(signals.tail) + 1))
    return replace(silenced(alone, np.asarray(heads, np.bool_)), heads=signals.heads)


@dataclass(frozen=True)
class Known:
    """Signals about examples that are called by their number."""

    said: Signals

    def prefetch(self, batches: Sequence[Sequence[QAExample]]) -> None: ...

    def signals(self, examples: Sequence[QAExample]) -> Signals:
        return self.said.take(np.asarray([int(example.id) for example in examples], np.int64))


def source(rule: Any, said: Sequence[Signals], **more: Any) -> EnsembleSource:
    teachers = {name: Known(one) for name, one in zip("abc", said, strict=False)}
    return EnsembleSource(rule, teachers, dict.fromkeys(teachers, 1.0), {}, ExtractiveQA(), **more)


@every_rule
@pytest.mark.filterwarnings("error::RuntimeWarning")
@given(said, lacking)
@settings(max_examples=8, deadline=None)
def test_head_by_head_those_are_mixed_that_say_something(rule: Any, said: Sequence[Signals], lacks: Any) -> None:
    speak = [without(one, of_it) for one, of_it in zip(said, lacks, strict=True)]
    found = source(rule, speak)
    heard = found._weights(EXAMPLES, speak).of_heads.any(1)
    assert not heard[lacks.all(0)].any()
    # By confidence the only one of a head may weigh nothing, if it alone is unsure.
    assert isinstance(rule, Confidence) or heard.tolist() == (~lacks.all(0)).tolist()
    alone = ((~lacks).sum(0) == 1) & heard
    for taught in found.signals(EXAMPLES, [2.0])[2.0]:
        assert taught.heads.tolist() == said[0].heads.tolist()
        assert taught.said.tolist() == heard.tolist()
        assert masses(taught).sum(-1) == pytest.approx(np.where(heard, 1, 0), abs=1e-6)
        of_one = sum(masses(temper(one, 2.0)) * ~of_it[:, None] for one, of_it in zip(said, lacks, strict=True))
        assert masses(taught)[alone] == pytest.approx(of_one[alone], abs=1e-6)


@every_rule
@given(said, lacking)
@settings(max_examples=4, deadline=None)
def test_what_an_example_gets_depends_on_nothing_else(rule: Any, said: Sequence[Signals], lacks: Any) -> None:
    """Not a bit."""
    speak = [without(one, of_it) for one, of_it in zip(said, lacks, strict=True)]
    found = source(rule, speak)
    together, weights = found.signals(EXAMPLES, [1.0])[1.0], found.weights(EXAMPLES)
    for number, example in enumerate(EXAMPLES):
        assert found.weights([example])[0].tolist() == weights[number].tolist()
        for one, other in zip(together, found.signals([example], [1.0])[1.0], strict=True):
            assert_same(one.take(np.asarray([number])), other)


@every_rule
@given(one_said, lacking)
@settings(max_examples=8, deadline=None)
def test_teachers_that_agree_where_they_speak_are_one_teacher(rule: Any, one: Signals, lacks: Any) -> None:
    speak = [without(one, of_it) for of_it in lacks]
    for taught in source(rule, speak).signals(EXAMPLES, [1.0])[1.0]:
        expected = masses(temper(one, 1.0))[taught.said]
        assert masses(taught)[taught.said] == pytest.approx(expected, abs=1e-5)


def test_weights_are_scaled_in_each_head_and_told_as_a_mean() -> None:
    one = of_masses({0: 1.0}, {0: 1.0})
    other = without(of_masses({5: 1.0}, {5: 1.0}), [True, False])
    found = source(Weighted(weights={"a": 1, "b": 3}), [one, other])
    (taught,) = found.signals(EXAMPLES[:1], [1.0])[1.0]
    assert masses(taught)[:, [1, 6]] == pytest.approx(np.asarray([[1, 0], [0.25, 0.75]]))
    assert found.weights(EXAMPLES[:1])[0].tolist() == [0.625, 0.375]
    assert weight_figures(found, EXAMPLES[:1])["b"]["mean"] == 0.375


def test_heads_that_are_empty_say_nothing_of_a_teacher() -> None:
    """Neither how sure it is, nor how far it is from others, nor how well its temperature fits."""
    flat, sharp = of_masses(*[{0: 0.5, 1: 0.5}] * 2), of_masses(*[{0: 0.9, 1: 0.1}] * 2)
    half = without(flat, [False, True])
    assert half.head_means(entropy(half)) == pytest.approx(flat.head_means(entropy(flat)))
    found = source(Confidence(), [half, sharp]), source(Confidence(), [flat, sharp])
    by_head = [each._weights(EXAMPLES[:1], each._found(EXAMPLES[:1])).of_heads[0].tolist() for each in found]
    assert by_head[0] == pytest.approx(by_head[1])
    gold = np.asarray([[0, 0], [0, 0]])
    assert calibrate(without(sharp, [False, True]), gold) == calibrate(
        replace(sharp.take(np.asarray([0])), heads=np.asarray([0, 2])), gold
    )


def test_agreement_compares_where_others_speak() -> None:
    near, far = of_masses({0: 0.6, 1: 0.4}, {0: 0.6, 1: 0.4}), of_masses({0: 0.1, 1: 0.9}, {0: 0.1, 1: 0.9})
    speak = [near, without(near, [False, True]), without(far, [False, True])]
    found = source(Agreement(tau=0.1), speak)
    weights = found._weights(EXAMPLES[:1], speak).of_heads
    expected = source(Agreement(tau=0.1), [near, near, far]).weights(EXAMPLES[:1])[0]
    assert weights[0] == pytest.approx(expected)
    assert weights[1].tolist() == [1, 0, 0]
    assert divergence(near, far)[0] > 0.1


def test_who_teaches_in_turn_is_spoken_for_head_by_head() -> None:
    one, other = of_masses({0: 1.0}, {0: 1.0}), of_masses({5: 1.0}, {5: 1.0})
    first, second = source(Sampled(), [without(one, [True, False]), other]).signals(EXAMPLES[:1], [1.0])[1.0]
    assert masses(first)[:, [1, 6]].tolist() == [[0, 1], [1, 0]]
    assert_same(second, other)


@given(one_said, lacking)
@settings(max_examples=8)
def test_empty_heads_stay_so_in_a_store(one: Signals, lacks: Any) -> None:
    stored = as_stored(without(one, lacks[0]), 8)
    assert stored.said.tolist() == (~lacks[0]).tolist()
    assert temper(stored, 3.0).said.tolist() == stored.said.tolist()


class ByHead(Section):
    """A rule of the user's own that weighs by head: in every second one of an example the last teacher teaches, else the first."""

    rule: str = "my_rules:ByHead"
    broken: bool = False
    needs_labels: ClassVar[bool] = False
    metric: ClassVar[str | None] = None
    mixing: ClassVar[Mixing] = "arithmetic"

    def weigh(self, outputs: TeacherOutputs) -> Floats:
        heads = outputs.signals[0].heads
        weights = np.zeros((int(heads[-1]), len(outputs.names)))
        for begin, end in pairwise(heads):
            weights[begin:end:2, 0] = weights[begin + 1 : end : 2, -1] = 1
        if self.broken:
            weights[-1] += 0.5
        return weights


def test_a_rule_may_weigh_by_head() -> None:
    one, other = (concat([of_masses({key: 1.0}, {key: 1.0})] * 3) for key in (0, 5))
    found = source(ByHead(), [one, other])
    (taught,) = found.signals(EXAMPLES, [1.0])[1.0]
    assert masses(taught)[:, [1, 6]].tolist() == [[1, 0], [0, 1]] * 3
    assert found.weights(EXAMPLES).tolist() == [[0.5, 0.5]] * 3
    with pytest.raises(UserError, match=r"question '2'; expected 2 numbers from 0 to 1"):
        source(ByHead(broken=True), [one, other]).signals(EXAMPLES, [1.0])


def test_weights_by_head_are_so_where_examples_are_as_many_as_heads() -> None:
    one, other = (
        replace(of_masses({key: 1.0}, {key: 1.0}, {key: 1.0}, heads=3), heads=np.asarray([0, 0, 3, 3]))
        for key in (0, 5)
    )
    found = source(ByHead(), [one, other])
    (taught,) = found.signals(EXAMPLES, [1.0])[1.0]
    assert masses(taught)[:, [1, 6]].tolist() == [[1, 0], [0, 1], [1, 0]]
    equal = source(Mean(), [one, other])
    assert equal.weights(EXAMPLES).tolist() == [[0.5, 0.5]] * 3


class Nobody(Section):
    """A rule of the user's own by which nobody teaches."""

    rule: str = "my_rules:Nobody"
    needs_labels: ClassVar[bool] = False
    metric: ClassVar[str | None] = None
    mixing: ClassVar[Mixing] = "arithmetic"

    def weigh(self, outputs: TeacherOutputs) -> Floats:
        return 0 * outputs.equal()


@pytest.mark.parametrize("mixing", ["arithmetic", "geometric"])
def test_a_rule_may_let_nobody_teach(mixing: Mixing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Nobody, "mixing", mixing)
    found = source(Nobody(), [of_masses({0: 1.0}, {0: 1.0}), of_masses({5: 1.0}, {5: 1.0})])
    (taught,) = found.signals(EXAMPLES[:1], [1.0])[1.0]
    assert not taught.said.any()
    assert found.weights(EXAMPLES[:1]).tolist() == [[0, 0]]
