"""Between a model's logits, what is stored of them, and what a student is taught.

Every unit is a head, and its outcomes are the numbers of the task's tags.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from distil.framework.segments import Floats, Ints, bounds, softmax
from distil.framework.signals.algebra import Signals, from_dense
from distil.framework.tasks.base import Logits
from distil.framework.tasks.label_names import own_classes, translated, translation
from distil.framework.tasks.tagging.example import Tagged
from distil.framework.tasks.tagging.features import UnitRows
from distil.framework.tasks.tagging.tags import BEGINS, OUTSIDE, TagSet, parts_of, tag_of

_LEAST = 1e-30  # probability


def unit_logits(features: UnitRows, logits: Logits, tags: TagSet) -> Floats:
    """Logits at the first token of each unit; all the same at one of which no token is. [U, tags]"""
    classes = logits[0].shape[0] if len(logits) else len(tags.names)
    values = np.zeros((len(features.row), classes))
    known = np.flatnonzero(features.row >= 0)
    if len(known):
        flat = np.concatenate(list(logits), axis=1)
        values[known] = flat[:, features.rows[features.row[known]] + features.place[known]].T
    if classes > len(tags.names):
        values = _begun_or_gone_on(values, features, tags)
        values[features.row < 0] = 0.0
    return values


def _begun_or_gone_on(values: Floats, features: UnitRows, tags: TagSet) -> Floats:
    """Logits of tags and types, as `translated_tags` gives them, as those of tags alone: [U, tags].

    What says a type goes on with an entity of that type as far as the unit before has one, and begins another with the rest of
    its probability: the words of an entity stand or fall together.
    """
    count = len(tags.names)
    masses = softmax(values)
    result = masses[:, :count].copy()
    first = np.zeros(len(values), np.bool_)
    first[features.units[:-1][np.diff(features.units) > 0]] = True
    for place, type in enumerate(tags.types):
        begin, inside = tags.numbers[tag_of("B", type)], tags.numbers[tag_of("I", type)]
        said = masses[:, count + place]
        before = np.roll(said + masses[:, begin] + masses[:, inside], 1)
        before[first] = 0.0
        goes_on = np.minimum(said, np.maximum(before - masses[:, begin], 0.0))
        result[:, inside] += goes_on
        result[:, begin] += said - goes_on
    return np.log(np.maximum(result, _LEAST))


def write_units(features: UnitRows, logits: Logits, tags: TagSet) -> Signals:
    """A signal for each example, a head for each of its units."""
    return from_dense(unit_logits(features, logits, tags), np.arange(len(tags.names)), features.units)


def from_tags(examples: Sequence[Tagged], said: Sequence[Sequence[str]], names: Sequence[str], sure: float) -> Signals:
    """Signals of a teacher that says one tag of each unit, and is so sure of it; the rest is shared by all other tags."""
    numbers = {name: number for number, name in enumerate(names)}
    chosen = np.asarray([numbers[tag] for tags in said for tag in tags], np.int64)
    mass = np.full((len(chosen), len(names)), (1 - sure) / max(len(names) - 1, 1))
    mass[np.arange(len(chosen)), chosen] = sure
    units = bounds(np.asarray([len(example.units) for example in examples], np.int64))
    return from_dense(np.log(np.maximum(mass, _LEAST)), np.arange(len(names)), units)


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
    Where a class says a type, be it the beginning of an entity or not, further rows follow, one for each type: `unit_logits`
    knows what stands before. Raises ModelError for classes of which nobody says what they mean.
    """
    if own_classes(id2label, tags.names) and not label_map:
        return logits
    classes = [id2label[number] for number in sorted(id2label)]
    meant = translation(id2label, (*tags.names, *tags.types), _full_map(classes, tags, label_map or {}))
    count = len(tags.names) + (len(tags.types) if (meant >= len(tags.names)).any() else 0)
    sizes = [rows.shape[1] for rows in logits]
    flat = np.concatenate([np.zeros((len(classes), 0), np.float32), *logits], axis=1).T
    result: NDArray[np.float32] = translated(flat, meant, count, exclusive=True)
    return [part.T for part in np.split(result, np.cumsum(sizes)[:-1])] if sizes else []


def _full_map(classes: Sequence[str], tags: TagSet, given: Mapping[str, str | None]) -> dict[str, str | None]:
    """A map of classes: of those that it names, those whose type it names, and those of another scheme.

    Names that are neither stay in it, for `translation` to refuse.
    """
    if not tags.entities:
        return dict(given)
    named = {name: parts for name in classes if (parts := parts_of(name)) is not None}
    types = {type for _, type in named.values()}
    full = {name: to for name, to in given.items() if name in classes or name not in types}
    either = _begins_with_i(named.values())
    for name, (letter, type) in named.items():
        if name in full:
            continue
        to = given.get(type, type)
        if to is None or to == OUTSIDE:
            full[name] = to
            continue
        means = to if letter == "I" and either else tag_of("B" if letter in BEGINS else "I", to)
        if type in given or means in tags.numbers or means in tags.types:
            full[name] = means
    return full


def _begins_with_i(named: Iterable[tuple[str, str]]) -> bool:
    """Whether the tags of these letters and types begin entities with I-, as IOB1 does, which knows B- only beside another entity
    of its type, and tags without any B- do: there is an I- that no other tag of its type comes before."""
    letters: dict[str, set[str]] = {}
    for letter, type in named:
        letters.setdefault(type, set()).add(letter)
    return any(found == {"I"} for found in letters.values())
