"""The source of signals that is an ensemble."""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytest

from framework.config import Section
from framework.ensembles.agreement import Agreement
from framework.ensembles.base import Consultation, Mixing
from framework.ensembles.confidence import Confidence
from framework.ensembles.label_aware import LabelAware
from framework.ensembles.mean import Mean
from framework.ensembles.mixing import arithmetic
from framework.ensembles.sampled import Sampled
from framework.ensembles.source import EnsembleSource, weight_figures
from framework.errors import DataError, UserError
from framework.signals.span import Floats, SpanSignal, temper
from framework.tasks.span_qa.example import Answer, QAExample
from tests.framework.ensembles.opinions import CONTEXT, side_of, source_of, vectors

LABELLED = QAExample("1", CONTEXT, "Кто?", (Answer("Пётр", 0),))
UNLABELLED = QAExample("2", CONTEXT, "Где?", None)
SURE = SpanSignal(side_of(np.asarray([9.0, 0.0, 0.0])), side_of(np.asarray([0.0, 9.0, 0.0])))
UNSURE = SpanSignal(side_of(np.asarray([0.5, 1.0, 0.0])), side_of(np.asarray([0.0, 0.2, 0.0])))
SAID = {"a": SURE, "b": UNSURE}


def test_teachers_are_weighed_at_their_own_temperature_and_mixed_at_the_losss() -> None:
    source = source_of(Confidence(), SAID, temperatures={"a": 3.0, "b": 0.5})
    weights = source.weights(LABELLED)
    assert weights == pytest.approx(
        source_of(Confidence(), {"a": temper(SURE, 3), "b": temper(UNSURE, 0.5)}).weights(LABELLED)
    )
    (taught,) = source.signals(LABELLED, 2.0)
    assert vectors(taught) == pytest.approx(vectors(arithmetic([temper(SURE, 6), temper(UNSURE, 1)], weights)))


def test_alternatives_are_the_teachers_and_seen_blindly_their_mean() -> None:
    taught = source_of(Sampled(), SAID).signals(LABELLED, 2.0)
    for signal, said in zip(taught, SAID.values(), strict=True):
        assert vectors(signal) == pytest.approx(vectors(temper(said, 2)))
    (blind,) = source_of(Sampled(), SAID, blind=True).signals(LABELLED, 2.0)
    assert vectors(blind) == pytest.approx(sum(vectors(signal) for signal in taught) / 2)


def test_a_rule_that_needs_labels_is_not_asked_without_one() -> None:
    source = source_of(LabelAware(), SAID)
    assert source.weights(LABELLED)[0] > 0.55
    with pytest.raises(
        DataError, match="'label_aware' weighs teachers by the gold answer, and question '2' has no label"
    ):
        source.signals(UNLABELLED, 1.0)
    assert len(source_of(Agreement(), SAID).signals(UNLABELLED, 1.0)) == 1


def test_seen_blindly_no_label_decides() -> None:
    source = source_of(LabelAware(), SAID, blind=True)
    for example in (LABELLED, UNLABELLED):
        assert source.weights(example) == pytest.approx([0.5, 0.5])
    assert source_of(Confidence(), SAID, blind=True).weights(LABELLED)[0] > 0.5


@pytest.mark.parametrize("rule", [Mean(), Confidence(), LabelAware(), Agreement()], ids=lambda rule: rule.rule)
def test_one_teacher_alone_has_all_the_weight(rule: Any) -> None:
    source = source_of(rule, {"a": UNSURE})
    assert source.weights(LABELLED).tolist() == [1.0]
    assert vectors(source.signals(LABELLED, 1.0)[0]) == pytest.approx(vectors(UNSURE))


@dataclass(frozen=True)
class _ByQuestion:
    said: dict[str, SpanSignal]
    heard: list[Any] = field(default_factory=list)

    def announce(self, batches: Sequence[Sequence[QAExample]]) -> None:
        self.heard.append(batches)

    def signal(self, example: QAExample) -> SpanSignal:
        return self.said[example.id]


def test_figures_are_mean_and_deviation_over_questions_and_announcements_go_to_all() -> None:
    first, second = _ByQuestion({"1": SURE, "2": UNSURE}), _ByQuestion({"1": UNSURE, "2": UNSURE})
    source = EnsembleSource(Confidence(), {"first": first, "second": second}, {"first": 1.0, "second": 1.0}, {})
    surer, same = source.weights(LABELLED)[0], 0.5
    assert weight_figures(source, [LABELLED, UNLABELLED]) == {
        "first": pytest.approx({"mean": (surer + same) / 2, "std": (surer - same) / 2}),
        "second": pytest.approx({"mean": (1 - surer + same) / 2, "std": (surer - same) / 2}),
    }
    batches = [[LABELLED], [UNLABELLED]]
    source.announce(batches)
    assert first.heard == second.heard == [batches]


def test_a_source_can_be_sent_to_another_process() -> None:
    source = source_of(Confidence(), SAID, temperatures={"a": 2.0, "b": 1.0})
    sent = pickle.loads(pickle.dumps(source))
    assert sent.weights(LABELLED).tolist() == source.weights(LABELLED).tolist()
    (here,), (there,) = (each.signals(LABELLED, 2.0) for each in (source, sent))
    assert vectors(here).tolist() == vectors(there).tolist()


class Stubborn(Section):
    """A rule of the user's own that gives the same numbers, whatever is asked."""

    rule: str = "my_rules:Stubborn"
    numbers: list[str]
    needs_labels: ClassVar[bool] = False
    needs_f1: ClassVar[bool] = False
    mixing: ClassVar[Mixing] = "arithmetic"

    def weigh(self, consultation: Consultation) -> Floats:
        return np.asarray(self.numbers, np.float64)


@pytest.mark.parametrize("numbers", [["1"], ["0.5", "0.6"], ["1.5", "-0.5"], ["nan", "1"]], ids=str)
def test_weights_that_are_none_are_refused(numbers: list[str]) -> None:
    with pytest.raises(UserError, match=r"'my_rules:Stubborn' weighs .* expected 2 numbers from 0 to 1 with sum 1"):
        source_of(Stubborn(numbers=numbers), SAID).signals(LABELLED, 1.0)
    assert source_of(Stubborn(numbers=["0.25", "0.75"]), SAID).weights(LABELLED).tolist() == [0.25, 0.75]
