"""What language models are told of texts, and what is read from their answers."""

import math
from collections.abc import Sequence
from typing import Literal
from unicodedata import normalize

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distil.framework.chat.answers import Answer, Token
from distil.framework.tasks.classification.chat import LabelChat, LabelsChat, NumberChat, named
from distil.framework.tasks.classification.data import Text
from distil.framework.tasks.classification.label_likelihood import label_masses

Form = Literal["NFC", "NFD"]
SOME = Text("here", "1", "Текст", None, None)
LABELS = ["arrival", "linking", "top-up", "yes"]
WORDS = [["card arrival"], ["card linking"], ["top-up"], ["да", "yes"]]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("card arrival", 0),
        (" **Card Arrival**.\n", 0),
        ("Label: card linking", 1),
        ("This is about a top-up, I think", 2),
        ("YES!", 3),
        ("Да", 3),
        ("card", None),
        ("card arrival or card linking", None),
        ("top-ups", None),
        ("", None),
        ("something else", None),
    ],
)
def test_a_label_is_what_an_answer_names(text: str, label: int | None) -> None:
    assert named(text, WORDS) == label


def test_of_labels_within_each_other_the_longer_one_is_meant() -> None:
    assert named("it is not happy", [["happy"], ["not happy"]]) == 1
    assert named("happy", [["happy"], ["not happy"]]) == 0


@pytest.mark.parametrize("of_labels", ["NFC", "NFD"])
@pytest.mark.parametrize("of_answers", ["NFC", "NFD"])
def test_labels_are_the_same_however_unicode_spells_them(of_labels: Form, of_answers: Form) -> None:
    words = [[normalize(of_labels, word)] for word in ("Ёлка", "злой", "зло")]
    for text, label in (("ёлка.", 0), ("это злой текст", 1), ("Зло", 2)):
        assert named(normalize(of_answers, text), words) == label
    several = LabelsChat(["0", "1", "2"], words).read(SOME, [Answer(text=normalize(of_answers, "злой, ёлка"))], "votes")
    assert several is not None
    assert several.tolist() == [1, 1, 0]
    letter, sign = normalize("NFD", "й")
    said = [
        tokens(("злой", {"злой": 0.8, "зло": 0.2})),
        tokens(("зло" + letter, {"зло" + letter: 1.0}), (sign, {sign: 1.0})),
    ]
    assert [masses(one, words) for one in said] == [[0.0, 0.9, 0.1], [0.0, 1.0, 0.0]]


def test_labels_are_listed_to_the_model() -> None:
    chat = LabelChat(LABELS, WORDS)
    assert "- card arrival\n- card linking\n- top-up\n- да" in chat.instructions
    assert chat.complaint(SOME, Answer(text="?")).count("\n- ") == 4


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("top-up\nда", [2, 3]),
        ('["top-up", "card linking"]', [1, 2]),
        ("card arrival, yes", [0, 3]),
        ("- top-up\n- yes\n", [2, 3]),
        ("None.", []),
        ("[]", []),
        ("top-up\nother", None),
        ("", None),
    ],
)
def test_several_labels_are_those_that_an_answer_lists(text: str, labels: list[int] | None) -> None:
    found = LabelsChat(LABELS, WORDS).read(SOME, [Answer(text=text)], "votes")
    assert (None if found is None else np.flatnonzero(found).tolist()) == labels


@pytest.mark.parametrize(
    ("text", "share"), [("3", 0.5), ("4,0", 0.75), ("Rating: 5.", 1.0), ("6", None), ("3 of 5", None), ("good", None)]
)
def test_a_number_is_the_only_one_in_an_answer(text: str, share: float | None) -> None:
    found = NumberChat(1.0, 5.0).read(SOME, [Answer(text=text)], "votes")
    assert (None if found is None else float(found[0])) == share


def tokens(*places: tuple[str, dict[str, float]]) -> list[Token]:
    """In each place the token that was written, and the probabilities of all that are listed."""
    return [
        Token(text=text, log_p=math.log(listed[text]), others=[(other, math.log(p)) for other, p in listed.items()])
        for text, listed in places
    ]


def masses(of: list[Token], words: Sequence[Sequence[str]] = WORDS) -> list[float]:
    found = label_masses(of, words)
    assert found is not None
    return [round(float(mass), 6) for mass in found]


def test_labels_that_differ_later_are_told_apart_where_they_do() -> None:
    said = tokens(
        ("card", {"card": 0.6, " top": 0.2, "Да": 0.1, "y": 0.1}), (" arrival", {" arrival": 0.75, " linking": 0.25})
    )
    assert masses(said) == [0.45, 0.15, 0.2, 0.2]


def test_what_is_said_after_a_label_changes_nothing() -> None:
    short = tokens(("yes", {"yes": 0.75, "top-up": 0.25}), ("<|im_end|>", {"<|im_end|>": 1.0}))
    long = tokens(
        ("yes", {"yes": 0.75, "top-up": 0.25}), (",", {",": 1.0}), (" because", {" because": 0.5, " as": 0.5})
    )
    assert masses(short)[2:] == masses(long)[2:]


def test_a_label_that_no_token_leads_to_is_less_likely_than_all_that_are_listed() -> None:
    said = tokens(("yes", {"yes": 0.9, "top-up": 0.06}))
    found = masses(said)
    assert found[0] == found[1]
    assert 0 < found[0] <= 0.06
    assert found[3] == pytest.approx(0.9, abs=0.01)


def test_of_a_label_that_begins_another_the_end_tells() -> None:
    words = [["good"], ["good enough"]]
    ended = tokens(("good", {"good": 1.0}), ("</s>", {"</s>": 0.7, " enough": 0.3}))
    went_on = tokens(("good", {"good": 1.0}), (" enough", {"</s>": 0.3, " enough": 0.7}), ("</s>", {"</s>": 1.0}))
    assert masses(ended, words) == [0.7, 0.3]
    assert masses(went_on, words) == [0.3, 0.7]


def test_an_answer_that_leads_to_no_label_is_not_valid() -> None:
    assert label_masses(tokens(("nothing", {"nothing": 0.9, "at": 0.1})), WORDS) is None
    assert label_masses([], WORDS) is None


@given(st.lists(st.floats(0.01, 1.0), min_size=4, max_size=4), st.lists(st.floats(0.01, 1.0), min_size=4, max_size=4))
def test_of_a_model_whose_tokens_are_all_listed_the_masses_are_its_own(first: list[float], second: list[float]) -> None:
    """Labels of two tokens, which the model writes in any way: on the way that it takes every label is known exactly."""
    begin, end = np.asarray(first) / sum(first), np.asarray(second) / sum(second)
    words = [["ab"], ["ac"], ["ad"], ["ae"], ["f"], ["g"], ["h"]]
    said = tokens(
        ("a", dict(zip("afgh", begin.tolist(), strict=True))), ("b", dict(zip("bcde", end.tolist(), strict=True)))
    )
    found = label_masses(said, words)
    assert found is not None
    np.testing.assert_allclose(found, [*(begin[0] * end), *begin[1:]], rtol=1e-6)
