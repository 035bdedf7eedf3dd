"""What the classes of a model mean to a task: by their names, or as a recipe says."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from distil.framework.errors import ModelError
from distil.framework.tasks.spelling import spelt_otherwise

_IMPOSSIBLE = -1e4  # the logit of a label that a teacher does not have: finite, and nothing after any softmax
_UNNAMED = "LABEL_"  # how transformers calls the classes of a model to which nobody has given names


def names_in_file(
    labels: Sequence[str] | None, named: Sequence[str] | None, renames: bool = True
) -> Sequence[str] | None:
    """The names that a file gives to numbers in it (`named`), by which these are read whatever the order of a task's labels; None where
    it gives none, or where the labels are as many and rename some or all, so that the others stand where they do in the file.

    renames: whether the labels may rename those of a file, as a recipe's may. Those that data have decided rename none of other data."""
    if not renames or named is None or labels is None or len(labels) != len(named) or set(named) <= set(labels):
        return named
    stay = all(label == name or label not in named for label, name in zip(labels, named, strict=True))
    return None if stay else named


def by_names(value: object, names: Sequence[str] | None) -> object:
    """A label, or a list of them, by these names of numbers, if there are any; none of -1, by which such files say that there is none."""
    if names is None:
        return value
    if isinstance(value, list):
        return [by_names(one, names) for one in value]
    if isinstance(value, int) and not isinstance(value, bool) and -1 <= value < len(names):
        return None if value == -1 else names[value]
    return value


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
            f"label_map maps {listed_names(unknown)}, and the model's classes are {listed_names(classes)}: "
            + (spelt_otherwise(unknown[0], classes) or "correct these names")
        )
    wrong = [label for label in given.values() if label is not None and label not in labels]
    if wrong:
        raise ModelError(
            f"label_map maps to {listed_names(wrong)}, and the task's labels are {listed_names(labels)}: "
            + (spelt_otherwise(wrong[0], labels) or "correct these names")
        )
    unmapped = [name for name in classes if name not in given and name not in labels]
    if unmapped:
        nameless = all(name.startswith(_UNNAMED) for name in unmapped)
        raise ModelError(
            f"the model's classes {listed_names(unmapped)} "
            + ("have no names of their own" if nameless else f"are none of the task's labels {listed_names(labels)}")
            + "; say in the teacher's label_map what each means, as {class: label}, or null for one that means none of them"
        )
    meant = [given.get(name, name) for name in classes]
    return np.asarray([-1 if label is None else labels.index(label) for label in meant], np.int64)


def translated(
    rows: NDArray[np.floating], meant: NDArray[np.int64], labels: int, *, exclusive: bool
) -> NDArray[np.float32]:
    """Logits of classes, [N, classes], as logits of the task's labels, [N, labels]. meant: as `translation` gives it.

    Of `exclusive` classes that mean the same label the masses add up; of others, each a label for itself, the likeliest
    counts. A label that no class means is as good as impossible.
    """
    rows = rows.astype(np.float64)
    result = np.full((len(rows), labels), _IMPOSSIBLE)
    for label in range(labels):
        of_label = rows[:, meant == label]
        if of_label.shape[1]:
            result[:, label] = np.logaddexp.reduce(of_label, axis=1) if exclusive else of_label.max(1)
    return result.astype(np.float32)


def listed_names(names: Sequence[str]) -> str:
    """Names of labels or classes as messages list them."""
    shown = ", ".join(f"'{name}'" for name in names[:10])
    return shown + (f" and {len(names) - 10} more" if len(names) > 10 else "")
