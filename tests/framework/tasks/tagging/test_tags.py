"""Schemes of entities become BIO, and entities are those of seqeval."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOBES, Entities

from distil.framework.tasks.tagging.tags import entities_of, recognised, sorted_tags, tag_set, to_bio

_entities = st.lists(
    st.tuples(st.sampled_from(["PER", "LOC", "a-b"]), st.integers(1, 3), st.integers(0, 1)), max_size=6
)


def _written(entities: list[tuple[str, int, int]], scheme: str) -> list[str]:
    """Entities of a type and a length, each with words outside after it, in a scheme."""
    tags: list[str] = []
    for type, length, gap in entities:
        beside = bool(tags) and tags[-1] != "O" and tags[-1].partition("-")[2] == type
        letters = ["I"] * length
        if scheme == "bio" or (scheme == "iob1" and beside):
            letters[0] = "B"
        if scheme in ("iobes", "bilou"):
            letters[0], letters[-1] = "B", "E"
            letters = ["S"] if length == 1 else letters
            if scheme == "bilou":
                letters = [{"E": "L", "S": "U"}.get(letter, letter) for letter in letters]
        tags += [f"{letter}-{type}" for letter in letters] + ["O"] * gap
    return tags


@given(_entities, st.sampled_from(["iob1", "iobes", "bilou"]))
def test_every_scheme_becomes_bio(entities: list[tuple[str, int, int]], scheme: str) -> None:
    bio = tuple(_written(entities, "bio"))
    found, odd = to_bio(_written(entities, scheme))
    assert found == bio
    assert not odd or scheme == "iob1"
    assert to_bio(bio) == (bio, False)


@pytest.mark.parametrize(
    ("sequences", "scheme"),
    [
        ([["B-PER", "I-PER", "O"], ["B-LOC", "B-LOC"]], "bio"),
        ([["I-PER", "I-PER", "O"], ["I-LOC", "B-LOC"]], "iob1"),
        ([["I-PER", "I-PER", "O"], ["B-LOC", "B-LOC"]], "bio"),  # with a fault
        ([["B-PER", "E-PER"], ["O"]], "iobes"),
        ([["U-PER", "O"]], "iobes"),
        ([["NOUN", "O"], ["B-PER"]], "none"),
        ([["O", "O"]], "bio"),
        ([["B", "I", "O"]], "bio"),
    ],
)
def test_schemes_are_recognised_by_all_tags(sequences: list[list[str]], scheme: str) -> None:
    assert recognised(sequences) == scheme


_tags = st.lists(st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B", "I"]), min_size=1, max_size=12)


@given(_tags)
def test_entities_are_those_of_seqeval_for_any_tags(tags: list[str]) -> None:
    expected = [(type, start, end + 1) for type, start, end in get_entities(tags)]
    found = [(entity.type or "_", entity.start, entity.end) for entity in entities_of(to_bio(tags)[0])]
    assert found == expected
    assert to_bio(to_bio(tags)[0])[1] is False


@settings(max_examples=25)
@given(_entities)
def test_entities_in_iobes_are_those_of_seqeval(entities: list[tuple[str, int, int]]) -> None:
    tags = _written(entities, "iobes")
    expected = [one.to_tuple()[1:] for one in Entities([tags], IOBES).entities[0]]
    assert [(one.type, one.start, one.end) for one in entities_of(to_bio(tags)[0])] == expected


def test_labels_of_any_scheme_give_bio_tags_in_their_order() -> None:
    assert tag_set(("O", "S-PER", "B-PER", "E-PER", "U-LOC"), "auto").names == ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
    assert tag_set(("I-PER", "O"), "auto").names == ("I-PER", "O", "B-PER")
    assert tag_set(("NOUN", "VERB"), "auto") == tag_set(("NOUN", "VERB"), "none")
    assert not tag_set(("B-PER", "O"), "none").entities
    assert sorted_tags(["I-b", "B-a", "O"]) == ["O", "B-a", "I-a", "B-b", "I-b"]
    assert sorted_tags([]) == []


def test_what_may_follow() -> None:
    tags = tag_set(("O", "B-a", "I-a", "B-b", "I-b"), "bio")
    inside = tags.may_follow[:, [2, 4]]
    assert inside.tolist() == [
        [False, False],
        [True, False],
        [True, False],
        [False, True],
        [False, True],
        [False, False],
    ]
    assert np.delete(tags.may_follow, [2, 4], axis=1).all()
