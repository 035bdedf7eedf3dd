"""Decoding finds the likeliest sequence among those that may be."""

import warnings
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import accuracy_score, classification_report, f1_score, precision_score, recall_score
from sklearn.metrics import f1_score as plain_f1

from distil.framework.segments import bounds, softmax
from distil.framework.tasks.tagging.example import Tagged, joined
from distil.framework.tasks.tagging.metrics import best_tags, predictions, scores
from distil.framework.tasks.tagging.tags import tag_set, to_bio

_TAGS = tag_set(("O", "B-a", "I-a", "B-b", "I-b"), "bio")
_NAMES = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
_pairs = st.lists(
    st.lists(st.tuples(st.sampled_from(_NAMES), st.sampled_from(_NAMES)), min_size=1, max_size=7),
    min_size=1,
    max_size=5,
)


@settings(deadline=None, max_examples=20)
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


def _examples(golds: list[list[str]]) -> list[Tagged]:
    return [Tagged("here", str(n), *joined(["a"] * len(tags)), tuple(tags)) for n, tags in enumerate(golds)]


@settings(deadline=None)
@given(_pairs)
def test_figures_are_those_of_seqeval(pairs: list[list[tuple[str, str]]]) -> None:
    golds, saids = ([[pair[side] for pair in text] for text in pairs] for side in (0, 1))
    found = scores(
        _examples(golds), {str(n): {"tags": tags} for n, tags in enumerate(saids)}, tag_set(_NAMES, "bio"), 100, 0
    )
    with warnings.catch_warnings(action="ignore"):
        expected = {
            "f1": f1_score(golds, saids),
            "precision": precision_score(golds, saids),
            "recall": recall_score(golds, saids),
            "accuracy": accuracy_score(golds, saids),
        }
        report = classification_report(golds, saids, output_dict=True) if found.variants else {}
    assert found.metrics == pytest.approx({name: 100 * value for name, value in expected.items()})
    assert found.examples == len(pairs)
    for name, figures in found.variants.items():
        of_type = report[name.removeprefix("type ")]
        assert figures == pytest.approx(
            {
                "f1": 100 * of_type["f1-score"],
                "precision": 100 * of_type["precision"],
                "recall": 100 * of_type["recall"],
            }
        )


def test_intervals_are_of_resampled_texts() -> None:
    random = np.random.default_rng(3)
    golds = [[_NAMES[n] for n in random.integers(0, 5, 6)] for _ in range(200)]
    saids = [[gold if random.random() < 0.7 else "O" for gold in tags] for tags in golds]
    examples, predicted = _examples(golds), {str(n): {"tags": tags} for n, tags in enumerate(saids)}
    found = scores(examples, predicted, tag_set(_NAMES, "bio"), 400, 1)
    drawn = [random.integers(0, 200, 200) for _ in range(200)]
    expected = np.quantile(
        [f1_score([golds[n] for n in one], [saids[n] for n in one]) for one in drawn], [0.025, 0.975]
    )
    assert found.intervals["f1"] == pytest.approx(tuple(100 * expected), abs=1.0)
    assert found.intervals.keys() == {"f1", "precision", "recall", "accuracy"}


def test_other_tags_are_measured_by_the_share_of_right_ones() -> None:
    names = ("ADJ", "NOUN", "VERB")
    golds, saids = [["ADJ", "NOUN"], ["NOUN"]], [["NOUN", "NOUN"], ["NOUN"]]
    examples = [*_examples(golds), Tagged("here", "x", *joined(["a"]), None)]
    predicted = {"0": {"tags": saids[0]}, "1": {"tags": saids[1]}, "x": {"tags": ["VERB"]}}
    found = scores(examples, predicted, tag_set(names, "auto"), 100, 0)
    macro = plain_f1(["ADJ", "NOUN", "NOUN"], ["NOUN", "NOUN", "NOUN"], average="macro")
    assert found.metrics == pytest.approx({"accuracy": 200 / 3, "macro_f1": 100 * macro})
    assert found.variants == {}
