"""The source of signals that is an ensemble."""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytest

from distil.framework.config import Section
from distil.framework.ensembles.base import Mixing, TeacherOutputs
from distil.framework.ensembles.rules import Agreement, Confidence, LabelAware, Mean, Sampled
from distil.framework.ensembles.source import EnsembleSource, weight_figures
from distil.framework.errors import DataError, UserError
from distil.framework.segments import Floats
from distil.framework.signals.algebra import NULL, Signals, concat, temper
from distil.framework.signals.mixing import mix
from distil.framework.tasks.span_qa.data import Answer, QAExample
from distil.framework.tasks.span_qa.task import ExtractiveQA
from tests.framework.ensembles.opinions import CONTEXT, source_of
from tests.framework.signals.made_up import assert_same, masses, signals_of

LABELLED = QAExample("1", CONTEXT, "Кто?", (Answer("Пётр", 0),))
UNLABELLED = QAExample("2", CONTEXT, "Где?", None)
SURE = signals_of([(0, 9.0), (1, 0.0), (NULL, 0.0)], [(0, 0.0), (1, 9.0), (NULL, 0.0)])
UNSURE = signals_of([(0, 0.5), (1, 1.0), (NULL, 0.0)], [(0, 0.0), (1, 0.2), (NULL, 0.0)])
SAID = {"a": SURE, "b": UNSURE}


def test_teachers_are_weighed_at_their_own_temperature_and_mixed_at_the_losss() -> None:
    source = source_of(Confidence(), SAID, temperatures={"a": 3.0, "b": 0.5})
    weights = source.weights([LABELLED])[0]
    assert weights == pytest.approx(
        source_of(Confidence(), {"a": temper(SURE, 3), "b": temper(UNSURE, 0.5)}).weights([LABELLED])[0]
    )
    (taught,) = source.signals([LABELLED], [2.0])[2.0]
    assert masses(taught) == pytest.approx(
        masses(mix([temper(SURE, 6), temper(UNSURE, 1)], weights[None], "arithmetic"))
    )


def test_alternatives_are_the_teachers_and_seen_averagedly_their_mean() -> None:
    taught = source_of(Sampled(), SAID).signals([LABELLED], [2.0])[2.0]
    for signal, said in zip(taught, SAID.values(), strict=True):
        assert masses(signal) == pytest.approx(masses(temper(said, 2)))
    (averaged,) = source_of(Sampled(), SAID, ignore_labels=True).signals([LABELLED], [2.0])[2.0]
    assert masses(averaged) == pytest.approx(sum(masses(signal) for signal in taught) / 2)


def test_a_rule_that_needs_labels_is_not_asked_without_one() -> None:
    source = source_of(LabelAware(), SAID)
    assert source.weights([LABELLED])[0][0] > 0.55
    with pytest.raises(
        DataError, match="'label_aware' weighs teachers by the gold answer, and question '2' has no label"
    ):
        source.signals([UNLABELLED], [1.0])[1.0]
    assert len(source_of(Agreement(), SAID).signals([UNLABELLED], [1.0])[1.0]) == 1


def test_seen_averagedly_no_label_decides() -> None:
    source = source_of(LabelAware(), SAID, ignore_labels=True)
    for example in (LABELLED, UNLABELLED):
        assert source.weights([example])[0] == pytest.approx([0.5, 0.5])
    assert source_of(Confidence(), SAID, ignore_labels=True).weights([LABELLED])[0][0] > 0.5


@pytest.mark.parametrize("rule", [Mean(), Confidence(), LabelAware(), Agreement()], ids=lambda rule: rule.rule)
def test_one_teacher_alone_has_all_the_weight(rule: Any) -> None:
    source = source_of(rule, {"a": UNSURE})
    assert source.weights([LABELLED])[0].tolist() == [1.0]
    assert masses(source.signals([LABELLED], [1.0])[1.0][0]) == pytest.approx(masses(UNSURE))


@dataclass(frozen=True)
class _ByQuestion:
    said: dict[str, Signals]
    heard: list[Any] = field(default_factory=list)

    def prefetch(self, batches: Sequence[Sequence[QAExample]]) -> None:
        self.heard.append(batches)

    def signals(self, examples: Sequence[QAExample]) -> Signals:
        return concat([self.said[example.id] for example in examples])


def test_figures_are_mean_and_deviation_over_questions_and_all_hear_what_is_to_come() -> None:
    first, second = _ByQuestion({"1": SURE, "2": UNSURE}), _ByQuestion({"1": UNSURE, "2": UNSURE})
    source = EnsembleSource(
        Confidence(), {"first": first, "second": second}, {"first": 1.0, "second": 1.0}, {}, ExtractiveQA()
    )
    surer, same = source.weights([LABELLED])[0][0], 0.5
    assert weight_figures(source, [LABELLED, UNLABELLED]) == {
        "first": pytest.approx({"mean": (surer + same) / 2, "std": (surer - same) / 2}),
        "second": pytest.approx({"mean": (1 - surer + same) / 2, "std": (surer - same) / 2}),
    }
    batches = [[LABELLED], [UNLABELLED]]
    source.prefetch(batches)
    assert first.heard == second.heard == [batches]


def test_a_source_can_be_sent_to_another_process() -> None:
    source = source_of(Confidence(), SAID, temperatures={"a": 2.0, "b": 1.0})
    sent = pickle.loads(pickle.dumps(source))
    assert sent.weights([LABELLED])[0].tolist() == source.weights([LABELLED])[0].tolist()
    (here,), (there,) = (each.signals([LABELLED], [2.0])[2.0] for each in (source, sent))
    assert_same(here, there)


class Stubborn(Section):
    """A rule of the user's own that gives the same numbers, whatever is asked."""

    rule: str = "my_rules:Stubborn"
    numbers: list[str]
    needs_labels: ClassVar[bool] = False
    metric: ClassVar[str | None] = None
    mixing: ClassVar[Mixing] = "arithmetic"

    def weigh(self, outputs: TeacherOutputs) -> Floats:
        return outputs.same(np.asarray(self.numbers, np.float64))


@pytest.mark.parametrize("numbers", [["1"], ["0.5", "0.6"], ["1.5", "-0.5"], ["nan", "1"]], ids=str)
def test_weights_that_are_none_are_refused(numbers: list[str]) -> None:
    with pytest.raises(
        UserError,
        match=r"'my_rules:Stubborn' (weighs .* expected 2 numbers from 0 to 1 with sum 1|gives .* expected \(1, 2\))",
    ):
        source_of(Stubborn(numbers=numbers), SAID).signals([LABELLED], [1.0])[1.0]
    assert source_of(Stubborn(numbers=["0.25", "0.75"]), SAID).weights([LABELLED])[0].tolist() == [0.25, 0.75]
