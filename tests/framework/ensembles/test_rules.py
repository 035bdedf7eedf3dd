"""What holds for every rule."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from distil.framework.ensembles import AnyEnsemble
from distil.framework.ensembles.base import Ensemble
from distil.framework.ensembles.rules import Agreement, Confidence, Geometric, LabelAware, Mean, Sampled, Weighted
from distil.framework.ensembles.source import EnsembleSource
from distil.framework.signals.algebra import Signals, temper
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.span_qa.task import ExtractiveQA
from tests.framework.ensembles.opinions import CONTEXT, EXAMPLE, F1, TEMPERATURES, signals, source_of
from tests.framework.signals.made_up import assert_same, drawn, masses

RULES: list[Ensemble] = [
    Mean(),
    Geometric(),
    Weighted(weights={"a": 3.0, "b": 1.0, "c": 0.5}),
    Weighted(weights="f1", tau=5.0),
    Confidence(),
    LabelAware(),
    Agreement(),
    Sampled(),
]
every_rule = pytest.mark.parametrize(
    "rule", RULES, ids=lambda rule: f"{rule.rule}{f'-{rule.metric}' if rule.metric else ''}"
)
three = st.tuples(signals, signals, signals).map(lambda said: dict(zip("abc", said, strict=True)))
own = st.tuples(TEMPERATURES, TEMPERATURES, TEMPERATURES).map(lambda own: dict(zip("abc", own, strict=True)))


@every_rule
@pytest.mark.filterwarnings("error::RuntimeWarning")
@given(three, own, TEMPERATURES, st.booleans())
@settings(max_examples=10, deadline=None)
def test_mass_is_conserved_and_weights_sum_to_1(
    rule: Ensemble, said: dict[str, Signals], own: dict[str, float], temperature: float, ignore_labels: bool
) -> None:
    source = source_of(rule, said, temperatures=own, ignore_labels=ignore_labels)
    weights = source.weights([EXAMPLE])
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1, abs=1e-9)
    taught = source.signals([EXAMPLE], [temperature])[temperature]
    assert len(taught) == (3 if rule.mixing == "one_of" and not ignore_labels else 1)
    for signal in taught:
        assert masses(signal).sum(-1) == pytest.approx([1, 1], abs=1e-6)


@every_rule
@given(three, own, TEMPERATURES)
@settings(max_examples=10, deadline=None)
def test_the_order_of_teachers_plays_no_part(
    rule: Ensemble, said: dict[str, Signals], own: dict[str, float], temperature: float
) -> None:
    turned = {name: said[name] for name in ("c", "a", "b")}
    source, other = source_of(rule, said, temperatures=own), source_of(rule, turned, temperatures=own)
    weights, turned_weights = (
        dict(zip(each.teachers, each.weights([EXAMPLE])[0].tolist(), strict=True)) for each in (source, other)
    )
    assert turned_weights == pytest.approx(weights, abs=1e-6)
    taught, otherwise = (
        sorted((masses(one).tolist() for one in each.signals([EXAMPLE], [temperature])[temperature]), key=str)
        for each in (source, other)
    )
    for one, two in zip(taught, otherwise, strict=True):
        assert np.asarray(one) == pytest.approx(np.asarray(two), abs=1e-6)


@every_rule
@given(signals, TEMPERATURES, TEMPERATURES)
@settings(max_examples=10, deadline=None)
def test_teachers_that_agree_are_one_teacher(rule: Ensemble, said: Signals, own: float, temperature: float) -> None:
    names = ("a", "b", "c")
    source = source_of(rule, dict.fromkeys(names, said), temperatures=dict.fromkeys(names, own))
    alone = temper(said, own * temperature)
    for signal in source.signals([EXAMPLE], [temperature])[temperature]:
        assert masses(signal) == pytest.approx(masses(alone), abs=1e-5)
        assert signal.tail_size.tolist() == alone.tail_size.tolist()
    if not isinstance(rule, Weighted):
        assert source.weights([EXAMPLE])[0] == pytest.approx([1 / 3] * 3, abs=1e-5)


@every_rule
@given(st.tuples(drawn(3), drawn(3), drawn(3)), own)
@settings(max_examples=8, deadline=None)
def test_what_an_example_gets_depends_on_nothing_else(rule: Ensemble, said: Any, own: dict[str, float]) -> None:
    """Not a bit."""
    several = [QAExample(str(number), CONTEXT, "Где?", EXAMPLE.answers) for number in range(3)]
    together, alone = (
        EnsembleSource(
            rule, {name: _Known(one) for name, one in zip("abc", said, strict=True)}, own, F1, ExtractiveQA()
        )
        for _ in range(2)
    )
    whole = together.signals(several, [2.0])[2.0]
    for number, example in enumerate(several):
        assert together.weights(several)[number].tolist() == alone.weights([example])[0].tolist()
        for one, other in zip(whole, alone.signals([example], [2.0])[2.0], strict=True):
            assert_same(one.take(np.asarray([number])), other)


class _Known:
    """Signals about examples that are called by their number."""

    def __init__(self, said: Signals) -> None:
        self._said = said

    def prefetch(self, batches: Any) -> None: ...

    def signals(self, examples: Any) -> Signals:
        return self._said.take(np.asarray([int(example.id) for example in examples]))


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"rule": "meen"}, "unknown rule 'meen'; did you mean 'mean'"),
        ({"rule": "mean", "tau": 1.0}, "unknown key 'tau'"),
        ({"rule": "agreement", "tau": 0.0}, "greater than or equal to 0.01"),
        ({"rule": "weighted"}, "Field required"),
        ({"rule": "weighted", "weights": ""}, "at least 1 character"),
        ({"rule": "weighted", "weights": {"a": 0.0}}, "greater than 0"),
        ({"rule": "weighted", "weights": {"a": float("inf")}}, "finite"),
        ({"rule": "weighted", "weights": {"a": 1}, "tau": 2.0}, "`tau` belongs to `weights` by a metric"),
    ],
    ids=str,
)
def test_what_is_no_such_rule_is_refused_in_one_message(section: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message) as caught:
        TypeAdapter(AnyEnsemble).validate_python(section)
    assert caught.value.error_count() == 1


@every_rule
def test_a_rule_that_is_written_down_is_the_same_rule(rule: Ensemble) -> None:
    adapter = TypeAdapter(AnyEnsemble)
    assert adapter.validate_python(adapter.dump_python(rule, mode="json")) == rule
