"""Between a model's logits, what is stored of them, and what a student is taught.

Heads and outcomes: of a text with a single label one head, whose outcomes are the numbers of the task's labels; with several
labels a head each, with the outcomes NO and YES; of a number one head, whose outcomes are the ends of its range. Numbers count in the order of the task's labels, by whose names teachers
with other classes are translated.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from framework.errors import ModelError
from framework.signals.algebra import Signals, from_dense, to_dense
from framework.tasks.base import Logits
from framework.tasks.label_names import listed_names

NO, YES = 0, 1
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
