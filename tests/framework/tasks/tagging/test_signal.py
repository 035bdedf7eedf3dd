"""Teachers with other tags, by their names, their scheme or a map of types."""

import numpy as np
import pytest

from framework.errors import ModelError
from framework.segments import softmax
from framework.tasks.tagging.signal import translated_tags
from framework.tasks.tagging.tags import tag_set

_TAGS = tag_set(("O", "B-person", "I-person", "B-place", "I-place"), "bio")


def _found(classes: list[str], masses: list[float], label_map: dict[str, str | None] | None) -> list[float]:
    logits = np.log(np.asarray(masses, np.float32))[:, None]
    first, second = translated_tags([logits, np.tile(logits, 2)], dict(enumerate(classes)), _TAGS, label_map)
    assert first.shape == (5, 1)
    assert second.shape == (5, 2)
    np.testing.assert_array_equal(second, np.tile(first, 2))
    return softmax(first[:, 0].astype(np.float64)).round(6).tolist()


def test_types_are_mapped_with_their_letters() -> None:
    classes = ["I-PER", "O", "B-PER", "B-LOC", "I-LOC", "B-MISC"]
    label_map = {"PER": "person", "LOC": "place", "MISC": "O"}
    assert _found(classes, [0.1, 0.3, 0.2, 0.05, 0.15, 0.2], label_map) == [0.5, 0.2, 0.1, 0.05, 0.15]
    without = {**label_map, "MISC": None}
    assert _found(classes, [0.1, 0.2, 0.2, 0.1, 0.15, 0.25], without)[0] == pytest.approx(0.2 / 0.75, abs=1e-5)


def test_classes_of_another_scheme_count_in_bio() -> None:
    classes = ["O", "B-person", "I-person", "E-person", "S-person", "U-place"]
    assert _found(classes, [0.3, 0.1, 0.1, 0.2, 0.1, 0.2], None) == [0.3, 0.2, 0.3, 0.2, 0.0]
    mapped = ["O", "B-PER", "E-PER", "S-PER"]
    assert _found(mapped, [0.4, 0.1, 0.2, 0.3], {"PER": "person"}) == [0.4, 0.4, 0.2, 0.0, 0.0]


def test_single_tags_may_be_mapped_too_and_own_ones_stay() -> None:
    assert _found(["LABEL_0", "LABEL_1"], [0.3, 0.7], {"LABEL_0": "O", "LABEL_1": "B-person"}) == [0.3, 0.7, 0, 0, 0]
    logits = [np.zeros((5, 3), np.float32)]
    assert translated_tags(logits, dict(enumerate(_TAGS.names)), _TAGS, None) is logits
    assert translated_tags([], {0: "O", 1: "B-person"}, _TAGS, None) == []


@pytest.mark.parametrize(
    ("classes", "label_map", "problem"),
    [
        (["LABEL_0", "LABEL_1"], None, "'LABEL_0', 'LABEL_1' have no names of their own"),
        (["O", "B-PER"], None, "'B-PER' are none of the task's labels"),
        (["O", "B-PER"], {"PRE": "person"}, "label_map maps 'PRE'"),
        (["O", "B-PER"], {"PER": "persons"}, "label_map maps to 'B-persons'"),
    ],
)
def test_tags_without_a_meaning_are_refused(
    classes: list[str], label_map: dict[str, str | None] | None, problem: str
) -> None:
    with pytest.raises(ModelError, match=problem):
        _found(classes, [1 / len(classes)] * len(classes), label_map)
