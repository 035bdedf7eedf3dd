"""Between a model's logits, what is stored of them, and what a student is taught.

Heads and outcomes: of a text with a single label one head, whose outcomes are the numbers of the task's labels; with several
labels a head each, with the outcomes NO and YES; of a number one head, whose outcomes are the ends of its range. Numbers count in the order of the task's labels, by whose names teachers
with other classes are translated.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from framework.errors import ModelError
from framework.signals.algebra import Signals, from_dense, to_dense
from framework.tasks.base import Logits

NO, YES = 0, 1
_Floats = NDArray[np.float64]
_IMPOSSIBLE = -1e4  # the logit of a label that a teacher does not have: finite, and nothing after any softmax
_LEAST_SHARE = 1e-4  # by which a number stays off the ends of its range, so that its logit is finite
_UNNAMED = "LABEL_"  # how transformers calls the classes of a model to which nobody has given names


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


def own_classes(id2label: Mapping[int, str], labels: Sequence[str]) -> bool:
    """Whether a model's classes are the task's labels, in their order."""
    return [id2label[number] for number in sorted(id2label)] == list(labels)


def translation(
    id2label: Mapping[int, str], labels: Sequence[str], label_map: Mapping[str, str | None] | None
) -> NDArray[np.int64]:
    """For each class of a model the number of the task's label that it means, -1 for none. [classes]

    A class without a line in `label_map` means the label of its own name.

    Raises:
        ModelError: a class that means no label and is not mapped, one without a name, or a map that names others.
    """
    classes = [id2label[number] for number in sorted(id2label)]
    given = dict(label_map or {})
    unknown = [name for name in given if name not in classes]
    if unknown:
        raise ModelError(
            f"label_map maps {_list(unknown)}, and the model's classes are {_list(classes)}: correct these names"
        )
    wrong = [label for label in given.values() if label is not None and label not in labels]
    if wrong:
        raise ModelError(
            f"label_map maps to {_list(wrong)}, and the task's labels are {_list(labels)}: correct these names"
        )
    unmapped = [name for name in classes if name not in given and name not in labels]
    if unmapped:
        nameless = all(name.startswith(_UNNAMED) for name in unmapped)
        raise ModelError(
            f"the model's classes {_list(unmapped)} "
            + ("have no names of their own" if nameless else f"are none of the task's labels {_list(labels)}")
            + "; say in the teacher's label_map what each means, as {class: label}, or null for one that means none of them"
        )
    meant = [given.get(name, name) for name in classes]
    return np.asarray([-1 if label is None else labels.index(label) for label in meant], np.int64)


def translated(logits: Logits, meant: NDArray[np.int64], labels: int, *, exclusive: bool) -> Logits:
    """Logits of classes, [classes] each, as logits of the task's labels. meant: as `translation` gives it.

    Of `exclusive` classes that mean the same label the masses add up; of others, each a label for itself, the likeliest
    counts. A label that no class means is as good as impossible.
    """
    rows = np.stack([*logits, np.zeros(len(meant))])[:-1].astype(np.float64)
    result = np.full((len(rows), labels), _IMPOSSIBLE)
    for label in range(labels):
        of_label = rows[:, meant == label]
        if of_label.shape[1]:
            result[:, label] = np.logaddexp.reduce(of_label, axis=1) if exclusive else of_label.max(1)
    return list(result.astype(np.float32))


def numbers_as_logits(logits: Logits, id2label: Mapping[int, str], low: float, high: float) -> Logits:
    """Numbers [1] that a model's head gives itself, as logits of their shares of the way from low to high, where they end.

    Raises ModelError for a head with other than one output.
    """
    if len(id2label) != 1:
        raise ModelError(
            f"the model has the classes {_list(list(id2label.values()))}, and a number is one output: take a model with one, or "
            "fine-tune it"
        )
    shares = np.clip((np.stack([*logits, np.zeros(1)]) - low) / (high - low), _LEAST_SHARE, 1 - _LEAST_SHARE)[:-1]
    return list(np.log(shares / (1 - shares)).astype(np.float32))


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:10])
    return shown + (f" and {len(names) - 10} more" if len(names) > 10 else "")
