"""Between a model's logits, what is stored of them, and what a student is taught.

Heads and outcomes: of a text with a single label one head, whose outcomes are the numbers of the task's labels; with several
labels a head each, with the outcomes NO and YES; of a number one head, whose outcomes are the ends of its range. Numbers count
in the order of the task's labels, by whose names teachers with other classes are translated.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from distil.framework.errors import ModelError
from distil.framework.signals.algebra import Signals, from_dense, to_dense
from distil.framework.tasks.base import Logits
from distil.framework.tasks.classification.data import Text
from distil.framework.tasks.label_names import listed_names

NO, YES = 0, 1
_UNKNOWN = -1
_Floats = NDArray[np.float64]
_LEAST_SHARE = 1e-4  # by which a number stays off the ends of its range, so that its logit is finite


def pooled(example: NDArray[np.int32], count: int, logits: Logits) -> _Floats:
    """Mean logits of every example's windows, [count, K]. example: [N], whose each window is."""
    rows = np.stack(list(logits)).astype(np.float64)
    if len(rows) == count:
        return rows
    total = np.zeros((count, rows.shape[1]))
    np.add.at(total, example, rows)
    means: _Floats = total / np.bincount(example, minlength=count)[:, None]
    return means


def write_single(logits: _Floats) -> Signals:
    """logits: [E, labels]."""
    return from_dense(logits, np.arange(logits.shape[1]))


def write_several(logits: _Floats) -> Signals:
    """logits: [E, labels], each of its label against none."""
    count, labels = logits.shape
    both = np.stack([np.zeros(logits.size), logits.reshape(-1)], axis=1)
    return from_dense(both, np.asarray([NO, YES]), np.arange(count + 1) * labels)


def probabilities(signals: Signals, outcomes: int, count: int) -> NDArray[np.float32]:
    """Of `count` examples with as many heads each, [count, H, outcomes]."""
    return to_dense(signals, outcomes).reshape(count, -1, outcomes)


def numbers_as_logits(logits: Logits, id2label: Mapping[int, str], low: float, high: float) -> Logits:
    """Numbers [1] that a model's head gives itself, as logits of their shares of the way from low to high, where they end.

    Raises ModelError for a head with other than one output.
    """
    if len(id2label) != 1:
        raise ModelError(
            f"the model has the classes {listed_names(list(id2label.values()))}, and a number is one output: take a model with one, or "
            "fine-tune it"
        )
    shares = np.clip((np.stack([*logits, np.zeros(1)]) - low) / (high - low), _LEAST_SHARE, 1 - _LEAST_SHARE)[:-1]
    return list(np.log(shares / (1 - shares)).astype(np.float32))


def gold_outcomes(examples: Sequence[Text], labels: Sequence[str], *, several: bool) -> NDArray[np.int64]:
    """The gold outcome of every head, -1 of an unlabelled example: [E, 1] the label's number, or of `several` labels
    [E, labels] NO or YES."""
    numbers = {label: number for number, label in enumerate(labels)}
    if not several:
        return np.asarray(
            [[_UNKNOWN if text.gold is None else numbers[text.labels[0]]] for text in examples], np.int64
        ).reshape(-1, 1)
    gold = np.full((len(examples), len(labels)), _UNKNOWN, np.int64)
    for row, text in zip(gold, examples, strict=True):
        if text.gold is not None:
            row[:] = NO
            row[[numbers[label] for label in text.labels]] = YES
    return gold


def weights(
    gold: NDArray[np.int64],
    labels: Sequence[str],
    given: Mapping[str, float] | Literal["balanced"] | None,
    *,
    several: bool,
) -> NDArray[np.float32]:
    """What every head of every example weighs, [E, H]: a label's weight where it is there, else 1; shared by the heads.

    balanced: of a single label n / (labels · n_label), as scikit-learn has it; of several, where a label is there, as much as
    all examples together that lack it, n_no / n_yes. A label that no example has weighs 1.
    """
    if given is None:
        return np.full(gold.shape, 1 / gold.shape[1], np.float32)
    if not several:
        known = gold[gold != _UNKNOWN]
        counts = np.bincount(known, minlength=len(labels))
        of_label = (
            _balanced(np.full(len(labels), len(known) / max(len(labels), 1)), counts)
            if given == "balanced"
            else _given(given, labels)
        )
        return np.where(gold == _UNKNOWN, 1.0, of_label[np.maximum(gold, 0)]).astype(np.float32)
    there = (gold == YES).sum(0)
    of_label = _balanced((gold == NO).sum(0), there) if given == "balanced" else _given(given, labels)
    shared: NDArray[np.float64] = np.where(gold == YES, of_label, 1.0) / gold.shape[1]
    return shared.astype(np.float32)


def ends(examples: Sequence[Text], low: float, high: float) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """A number as two rows, [E, 2] each: outcomes YES, the upper end, and NO, the lower one; and their weights, by
    which the number is their mean. So the loss of labels is the cross-entropy with the number's share. -1 if unlabelled."""
    known = np.asarray([text.gold is not None for text in examples], bool)
    share = np.asarray([(text.gold - low) / (high - low) if isinstance(text.gold, float) else 1.0 for text in examples])
    outcomes = np.where(known[:, None], [YES, NO], _UNKNOWN)
    return outcomes.astype(np.int64), np.stack([share, 1 - share], 1).astype(np.float32)


def _given(weights: Mapping[str, float], labels: Sequence[str]) -> NDArray[np.float64]:
    return np.asarray([weights.get(label, 1.0) for label in labels])


def _balanced(share: NDArray[np.number], count: NDArray[np.integer]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = np.where(count > 0, share / np.maximum(count, 1), 1.0)
    return result
