"""Teachers' classes become the task's labels."""

import numpy as np
import pytest

from distil.framework.errors import ModelError
from distil.framework.tasks.label_names import own_classes, translated, translation

_LABELS = ["bad", "good", "so"]


def test_masses_of_classes_that_mean_the_same_add_up() -> None:
    meant = translation(
        {0: "neg", 1: "very neg", 2: "good", 3: "?"}, _LABELS, {"neg": "bad", "very neg": "bad", "?": None}
    )
    assert meant.tolist() == [0, 0, 1, -1]
    found = np.exp(translated(np.log([[0.1, 0.2, 0.5, 0.2]]), meant, 3, exclusive=True)[0])
    np.testing.assert_allclose(found, [0.3, 0.5, 0.0], atol=1e-6)
    (of_several,) = translated(np.asarray([[1.0, 2.0, 0.5, 9.0]]), meant, 3, exclusive=False)
    assert of_several[:2].tolist() == [2.0, 0.5]
    assert of_several[2] < -1000
    assert translated(np.empty((0, 4)), meant, 3, exclusive=True).shape == (0, 3)


@pytest.mark.parametrize(
    ("classes", "label_map", "problem"),
    [
        (
            {0: "LABEL_0", 1: "LABEL_1"},
            None,
            "'LABEL_0', 'LABEL_1' have no names of their own; say in the teacher's label_map",
        ),
        ({0: "bad", 1: "fine"}, None, "'fine' are none of the task's labels 'bad', 'good', 'so'"),
        ({0: "bad", 1: "fine"}, {"fine": "God"}, "label_map maps to 'God'"),
        ({0: "bad", 1: "fine"}, {"fin": "good"}, "label_map maps 'fin', and the model's classes are 'bad', 'fine'"),
        ({0: "bad", 1: "и\u0306"}, {"й": "good"}, "which look alike: write one"),
    ],
)
def test_classes_without_a_meaning_are_refused(
    classes: dict[int, str], label_map: dict[str, str | None] | None, problem: str
) -> None:
    with pytest.raises(ModelError, match=problem):
        translation(classes, _LABELS, label_map)


def test_classes_that_are_the_labels_in_their_order_need_no_translation() -> None:
    assert own_classes({1: "good", 0: "bad", 2: "so"}, _LABELS)
    assert not own_classes({0: "good", 1: "bad", 2: "so"}, _LABELS)
