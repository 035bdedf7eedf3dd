"""Decoding finds the likeliest sequence among those that may be."""

from itertools import pairwise, product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.segments import bounds, softmax
from framework.tasks.tagging.decode import best_tags, predictions
from framework.tasks.tagging.example import Tagged, joined
from framework.tasks.tagging.tags import tag_set, to_bio

_TAGS = tag_set(("O", "B-a", "I-a", "B-b", "I-b"), "bio")


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), sizes=st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_it_is_the_best_of_all_legal_sequences(seed: int, sizes: list[int]) -> None:
    mass = softmax(np.random.default_rng(seed).normal(0, 3, (sum(sizes), 5)))
    units = bounds(np.asarray(sizes))
    found = best_tags(mass, units, _TAGS)
    for begin, end in pairwise(units):
        rows = np.log(mass[begin:end])
        legal = [
            path
            for path in product(range(5), repeat=len(rows))
            if not to_bio([_TAGS.names[number] for number in path])[1]
        ]
        best = max(legal, key=lambda path: sum(row[number] for row, number in zip(rows, path, strict=True)))
        assert found[begin:end].tolist() == list(best)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32 - 1))
def test_no_sequence_is_illegal_even_where_only_illegal_tags_are_likely(seed: int) -> None:
    random = np.random.default_rng(seed)
    mass = np.zeros((30, 5))
    mass[np.arange(30), random.choice([2, 4], 30)] = 1.0
    found = best_tags(mass, np.asarray([0, 1, 11, 30]), _TAGS)
    for begin, end in ((0, 1), (1, 11), (11, 30)):
        assert not to_bio([_TAGS.names[number] for number in found[begin:end]])[1]


def test_entities_say_where_they_stand_and_how_sure_the_model_is() -> None:
    text, units = joined(["Анна", "Котова", "из", "Омска"])
    mass = np.full((4, 5), 0.05)
    for unit, tag in enumerate([1, 2, 0, 3]):
        mass[unit, tag] = 0.8 if unit else 0.6
    (found,) = predictions([Tagged("", "x", text, units, None)], mass, np.asarray([0, 4]), _TAGS).values()
    assert found["tags"] == ["B-a", "I-a", "O", "B-b"]
    assert [(one["type"], one["text"]) for one in found["entities"]] == [("a", "Анна Котова"), ("b", "Омска")]
    assert all(text[one["start"] : one["end"]] == one["text"] for one in found["entities"])
    np.testing.assert_allclose([one["score"] for one in found["entities"]], [0.7, 0.8])
