"""Logits become signals and come back as probabilities."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from distil.framework.signals.algebra import keep_top, temper, to_dense
from distil.framework.tasks.classification.data import Text
from distil.framework.tasks.classification.signal import gold_outcomes, pooled, weights, write_several, write_single

_seeds = st.integers(0, 2**32 - 1)
_LABELS = ["bad", "good", "so"]


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


@settings(max_examples=15, deadline=None)
@given(seed=_seeds, count=st.integers(1, 6), labels=st.integers(2, 7), temperature=st.floats(0.5, 4))
def test_a_single_label_comes_back_as_softmax_of_the_logits(
    seed: int, count: int, labels: int, temperature: float
) -> None:
    logits = np.random.default_rng(seed).normal(0, 3, (count, labels))
    found = to_dense(temper(write_single(logits), temperature), labels)
    np.testing.assert_allclose(found, _softmax(logits / temperature), atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(seed=_seeds, count=st.integers(1, 5), labels=st.integers(2, 5))
def test_several_labels_come_back_as_sigmoids(seed: int, count: int, labels: int) -> None:
    logits = np.random.default_rng(seed).normal(0, 3, (count, labels))
    signals = write_several(logits)
    assert len(signals) == count
    np.testing.assert_allclose(to_dense(signals, 2)[:, 1].reshape(count, labels), 1 / (1 + np.exp(-logits)), atol=1e-6)


def test_what_a_short_signal_left_out_is_shared_by_the_labels_that_it_does_not_name() -> None:
    logits = np.log([[0.7, 0.1, 0.2]])
    np.testing.assert_allclose(to_dense(keep_top(write_single(logits), 1), 3), [[0.7, 0.15, 0.15]], atol=1e-6)


def test_windows_of_a_text_are_pooled() -> None:
    logits = [np.asarray(row, np.float32) for row in ([1, 2], [3, 4], [5, 0])]
    np.testing.assert_allclose(pooled(np.asarray([0, 0, 1], np.int32), 2, logits), [[2, 3], [5, 0]])


def _texts(*gold: tuple[str, ...] | None) -> list[Text]:
    return [Text("here", str(number), "a", None, labels) for number, labels in enumerate(gold)]


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    texts = _texts(("bad",), ("bad",), ("bad",), ("good",), None)
    gold = gold_outcomes(texts, ["bad", "good"], several=False)
    assert gold.tolist() == [[0], [0], [0], [1], [-1]]
    expected = compute_class_weight("balanced", classes=np.asarray([0, 1]), y=[0, 0, 0, 1])
    found = weights(gold, ["bad", "good"], "balanced", several=False)
    np.testing.assert_allclose(found[:, 0], [*expected[[0, 0, 0, 1]], 1.0], rtol=1e-6)
    given = weights(gold, ["bad", "good"], {"good": 5.0}, several=False)
    assert given[:, 0].tolist() == [1, 1, 1, 5, 1]


def test_of_several_labels_present_ones_weigh_as_much_as_absent_ones() -> None:
    gold = gold_outcomes(_texts(("bad",), (), ("bad", "so"), (), None), _LABELS, several=True)
    assert gold.tolist() == [[1, 0, 0], [0, 0, 0], [1, 0, 1], [0, 0, 0], [-1, -1, -1]]
    found = weights(gold, _LABELS, "balanced", several=True)
    assert (3 * found[:, 0]).tolist() == [1, 1, 1, 1, 1]
    assert (3 * found[:, 2]).tolist() == [1, 1, 3, 1, 1]
