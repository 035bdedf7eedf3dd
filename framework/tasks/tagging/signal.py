"""Between a model's logits, what is stored of them, and what a student is taught.

Every unit is a head, and its outcomes are the numbers of the task's tags.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from framework.segments import Floats, Ints, bounds
from framework.signals.algebra import Signals, from_dense
from framework.tasks.base import Logits
from framework.tasks.label_names import own_classes, translated, translation
from framework.tasks.tagging.example import Tagged
from framework.tasks.tagging.features import UnitRows
from framework.tasks.tagging.tags import OUTSIDE, TagSet, parts_of, tag_of


def unit_logits(features: UnitRows, logits: Logits, tags: int) -> Floats:
    """Logits at the first token of each unit; all the same at one of which no token is. [U, tags]"""
    values = np.zeros((len(features.row), tags))
    known = np.flatnonzero(features.row >= 0)
    if len(known):
        flat = np.concatenate(list(logits), axis=1)
        values[known] = flat[:, features.rows[features.row[known]] + features.place[known]].T
    return values


def write_units(features: UnitRows, logits: Logits, tags: int) -> Signals:
    """A signal for each example, a head for each of its units."""
    return from_dense(unit_logits(features, logits, tags), np.arange(tags), features.units)


def from_tags(examples: Sequence[Tagged], said: Sequence[Sequence[str]], names: Sequence[str], sure: float) -> Signals:
    """Signals of a teacher that says one tag of each unit, and is so sure of it; the rest is shared by all other tags."""
    numbers = {name: number for number, name in enumerate(names)}
    chosen = np.asarray([numbers[tag] for tags in said for tag in tags], np.int64)
    mass = np.full((len(chosen), len(names)), (1 - sure) / max(len(names) - 1, 1))
    mass[np.arange(len(chosen)), chosen] = sure
    units = bounds(np.asarray([len(example.units) for example in examples], np.int64))
    return from_dense(np.log(np.maximum(mass, 1e-30)), np.arange(len(names)), units)


def gold_numbers(examples: Sequence[Tagged], tags: TagSet) -> Ints:
    """The number of every unit's gold tag, -1 of an unlabelled example. [U]"""
    numbers = tags.numbers
    return np.asarray(
        [
            number
            for one in examples
            for number in ([-1] * len(one.units) if one.tags is None else [numbers[tag] for tag in one.tags])
        ],
        np.int64,
    )


def translated_tags(
    logits: Logits, id2label: Mapping[int, str], tags: TagSet, label_map: Mapping[str, str | None] | None
) -> Logits:
    """Logits of a model's classes as those of the task's tags; masses of classes that mean the same add up.

    Classes of entities count in BIO, in whatever scheme they are, and a map may name types of entities: PER for B-PER and I-PER.
    Raises ModelError for classes of which nobody says what they mean.
    """
    if own_classes(id2label, tags.names):
        return logits
    classes = [id2label[number] for number in sorted(id2label)]
    meant = translation(id2label, tags.names, _full_map(classes, tags, label_map or {}))
    sizes = [rows.shape[1] for rows in logits]
    flat = np.concatenate([np.zeros((len(classes), 0), np.float32), *logits], axis=1).T
    result: NDArray[np.float32] = translated(flat, meant, len(tags.names), exclusive=True)
    return [part.T for part in np.split(result, np.cumsum(sizes)[:-1])] if sizes else []


def _full_map(classes: Sequence[str], tags: TagSet, given: Mapping[str, str | None]) -> dict[str, str | None]:
    """A map of classes: of those that it names, those whose type it names, and those of another scheme.

    Names that are neither stay in it, for `translation` to refuse.
    """
    types = {parts[1] for parts in map(parts_of, classes) if parts is not None} if tags.entities else set()
    full = {name: to for name, to in given.items() if name in classes or name not in types}
    for name in classes:
        parts = parts_of(name)
        if not tags.entities or name in full or parts is None:
            continue
        letter = "B" if parts[0] in "BSU" else "I"
        if parts[1] in given:
            to = given[parts[1]]
            full[name] = to if to is None or to == OUTSIDE else tag_of(letter, to)
        elif name not in tags.numbers and tag_of(letter, parts[1]) in tags.numbers:
            full[name] = tag_of(letter, parts[1])
    return full
