import sys
import unicodedata
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distil.framework.errors import DataError
from distil.framework.tasks.span_qa.data import Answer, QAExample
from distil.framework.tasks.span_qa.metrics import (
    Variant,
    best_threshold,
    official,
    per_example_v1,
    per_example_v2,
    russian,
    score_example,
    squad_v1,
    squad_v2,
)


def question(name: str, *golds: str) -> QAExample:
    return QAExample(name, "", "", tuple(Answer(gold, 0) for gold in golds))


@pytest.mark.parametrize(
    ("prediction", "golds", "v1", "v2"),
    [
        ("The cat", ["cat"], (1, 1), (1, 1)),
        ("the black cat", ["cat", "black dog"], (0, 2 / 3), (0, 2 / 3)),
        ("в доме у реки", ["у реки"], (0, 2 / 3), (0, 2 / 3)),
        ("да да нет", ["да да да да"], (0, 4 / 7), (0, 4 / 7)),
        ("dog", ["cat"], (0, 0), (0, 0)),
        # Nothing is left on either side: exact in both, but only 2.0 grants the F1.
        ("", ["the"], (1, 0), (1, 1)),
        ("...", ["a"], (1, 0), (1, 1)),
        # 2.0 does not accept an answer of articles where there is another.
        ("", ["the", "cat"], (1, 0), (0, 0)),
        ("", ["cat"], (0, 0), (0, 0)),
        ("cat", [""], (0, 0), (0, 0)),
        ("«Мир»", ["Мир"], (0, 0), (0, 0)),
    ],
)
def test_one_question(prediction: str, golds: list[str], v1: tuple[float, float], v2: tuple[float, float]) -> None:
    assert score_example(prediction, golds) == pytest.approx(v1, abs=1e-15)
    assert score_example(prediction, golds, variant="squad_v2") == pytest.approx(v2, abs=1e-15)


def test_unanswerable_question_wants_the_empty_text() -> None:
    assert score_example("", [], variant="squad_v2") == (1, 1)
    assert score_example("the", [], variant="squad_v2") == (1, 1)
    assert score_example("cat", [], variant="squad_v2") == (0, 0)


# In the next three tests the values outside "russian" are what the published scripts print for these files;
# the last digit of the 2.0 script's depends on Python, which from 3.12 on adds floats more exactly.
V1 = [
    question("cat", "cat", "black dog"),
    question("article", "the"),
    question("hedgehog", "Ёж"),
    question("years", "1941–1945"),
    question("missing", "x"),
]
V1_PREDICTIONS = {"cat": "the black cat", "article": "", "hedgehog": "еж", "years": "1941-1945", "other": "x"}


def test_squad_v1_counts_a_missing_prediction_as_zero() -> None:
    assert squad_v1(V1, V1_PREDICTIONS) == {
        "exact_match": 20.0,
        "f1": 13.333333333333332,
        "russian": {"exact_match": 60.0, "f1": 53.33333333333333},
    }


V2 = [
    question("right", "Мир"),
    question("half", "a red fox", "fox"),
    question("wrong", "cat"),
    question("silent", "dog"),
    question("trap"),
    question("passed"),
]
V2_PREDICTIONS = {"right": "мир", "half": "red", "wrong": "cow", "silent": "", "trap": "bait", "passed": ""}
DOUBTS = {"right": -3.0, "half": -1.0, "wrong": 0.5, "silent": 2.0, "trap": 1.5, "passed": 4.0}


def test_squad_v2_without_no_answer_scores() -> None:
    results = squad_v2(V2, V2_PREDICTIONS)
    assert results.pop("russian") == results
    expected = {
        "exact": 33.333333333333336,
        "f1": 44.444444444444436,
        "total": 6,
        "HasAns_exact": 25.0,
        "HasAns_f1": 41.666666666666664,
        "HasAns_total": 4,
        "NoAns_exact": 50.0,
        "NoAns_f1": 50.0,
        "NoAns_total": 2,
    }
    assert results == pytest.approx(expected, rel=1e-14)


def test_squad_v2_with_a_threshold() -> None:
    results = squad_v2(V2, V2_PREDICTIONS, DOUBTS, threshold=-3.0)
    del results["russian"]
    expected = {
        "exact": 50.0,
        "f1": 50.0,
        "total": 6,
        "HasAns_exact": 25.0,
        "HasAns_f1": 25.0,
        "HasAns_total": 4,
        "NoAns_exact": 100.0,
        "NoAns_f1": 100.0,
        "NoAns_total": 2,
        "best_exact": 50.0,
        "best_exact_thresh": -3.0,
        "best_f1": 61.11111111111111,
        "best_f1_thresh": -1.0,
    }
    assert results == pytest.approx(expected, rel=1e-14)


def test_squad_v2_has_no_group_without_questions() -> None:
    assert not any(name.startswith("NoAns") for name in squad_v2(V2[:4], V2_PREDICTIONS))
    assert not any(name.startswith("HasAns") for name in squad_v2(V2[4:], V2_PREDICTIONS))


def test_scores_of_each_question() -> None:
    first = per_example_v1(V1, V1_PREDICTIONS)
    assert first.ids == ("cat", "article", "hedgehog", "years", "missing")
    assert first.em.tolist() == [0, 1, 0, 0, 0]
    assert first.f1.tolist() == [2 / 3, 0, 0, 0, 0]
    assert per_example_v1(V1, V1_PREDICTIONS, russian).em.tolist() == [0, 1, 1, 1, 0]
    second = per_example_v2(V2, V2_PREDICTIONS, DOUBTS, threshold=1.0)
    assert second.ids == ("right", "half", "wrong", "silent", "trap", "passed")
    assert second.em.tolist() == [1, 0, 0, 0, 1, 1]
    assert second.f1.tolist() == [1, 2 / 3, 0, 0, 1, 1]


UNLABELLED = QAExample("open", "", "", None)


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (lambda: squad_v1([], {}), "no question to score"),
        (lambda: squad_v1([UNLABELLED], {"open": "x"}), "'open' is unlabelled"),
        (lambda: squad_v1([question("trap")], {"trap": ""}), "'trap' has no accepted answer"),
        (lambda: squad_v2([UNLABELLED], {"open": "x"}), "'open' is unlabelled"),
        (lambda: squad_v2(V2, {"right": "x"}), "5 of 6 questions have no prediction, the first being 'half'"),
        (lambda: squad_v2(V2, V2_PREDICTIONS, {"right": 0.0}), "5 of 6 questions have no no-answer score"),
    ],
)
def test_what_cannot_be_scored_is_refused(score: Callable[[], object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        score()


_TEXT = st.lists(st.sampled_from(["the", "a", "кот", "Кот", "ёж", "еж", "«", "—", "-", ".", "cat"]), max_size=4).map(
    " ".join
)
_VARIANT = st.sampled_from(["squad", "squad_v2"])


@given(_TEXT, st.lists(_TEXT, min_size=1, max_size=3), _VARIANT)
def test_scores_are_ordered_and_bounded(prediction: str, golds: Sequence[str], variant: Variant) -> None:
    exact, f1 = score_example(prediction, golds, official, variant)
    assert exact in (0.0, 1.0)
    assert 0.0 <= f1 <= 1.0
    if official(prediction):
        assert exact <= f1
    more = score_example(prediction, [*golds, prediction], official, variant)
    if official(prediction):
        assert more == (1.0, 1.0)


@given(_TEXT, st.lists(_TEXT, min_size=1, max_size=3))
def test_russian_reading_never_loses_an_exact_match(prediction: str, golds: Sequence[str]) -> None:
    assert score_example(prediction, golds, russian)[0] >= score_example(prediction, golds, official)[0]


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from(["", "cat", "cow"]), st.integers(-3, 3)), min_size=1),
)
def test_reported_threshold_reaches_at_least_the_reported_best_of_any_cut(
    rows: list[tuple[bool, str, int]],
) -> None:
    examples = [question(str(i), *(["cat"] if known else [])) for i, (known, _, _) in enumerate(rows)]
    predictions = {str(i): text for i, (_, text, _) in enumerate(rows)}
    doubts = {str(i): float(doubt) for i, (_, _, doubt) in enumerate(rows)}
    best = squad_v2(examples, predictions, doubts)["best_exact"]
    for cut in (-4.0, -2.0, 0.0, 1.0, 3.0):
        assert best >= squad_v2(examples, predictions, doubts, cut)["exact"] - 1e-9


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  The  Cat's\tHat. ", "cats hat"),
        ("a", ""),
        ("A-ha", "aha"),
        ("the-end an. another", "theend another"),
        ("«Мир» — ЁЖ", "«мир» — ёж"),
        ("the «a» кот", "« » кот"),
        ("_x_ 3,5%", "x 35"),
        ("", ""),
    ],
)
def test_official(text: str, expected: str) -> None:
    assert official(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("«Мир» — ЁЖ", "мир еж"),
        ("„Заря“", "заря"),
        ("1941–1945", "19411945"),
        ("1941-1945", "19411945"),
        ("из‑за −5", "изза 5"),
        ("е\u0308лка и\u0306од", "елка йод"),
        ("the «a» кот", "кот"),
        ("мой «", "мой"),
    ],
)
def test_russian(text: str, expected: str) -> None:
    assert russian(text) == expected


def test_russian_drops_every_dash_of_unicode() -> None:
    dashes = [chr(i) for i in range(sys.maxunicode + 1) if unicodedata.category(chr(i)) == "Pd"]
    assert len(dashes) > 20
    assert [dash for dash in dashes if russian(f"x{dash}y") != "xy"] == []


_SHORT = st.text(alphabet="aе ёЁ«»—-.,the\u0308\t", max_size=8)


@given(_SHORT)
def test_both_are_idempotent_in_white_space_and_case(text: str) -> None:
    for normalise in (official, russian):
        once = normalise(text)
        assert once == " ".join(once.split()) == once.lower()


@given(_SHORT, _SHORT)
def test_what_is_officially_equal_is_equal_in_russian(left: str, right: str) -> None:
    if official(left) == official(right):
        assert russian(left) == russian(right)


def test_takes_the_first_of_several_best_places() -> None:
    scores = {"a": 1.0, "b": 0.0, "c": 0.5, "d": 1.0}
    has_answer = {"a": True, "b": False, "c": True, "d": False}
    texts = {"a": "x", "b": "bait", "c": "y", "d": ""}
    doubts = {"c": 0.7, "a": 0.1, "d": 0.9, "b": 0.5}
    # 2 points for silence; then a: 3, b: 2, c: 2.5, d (an empty text, which costs nothing): 2.5.
    assert best_threshold(scores, texts, doubts, has_answer) == (75.0, 0.1)


def test_silence_may_be_best() -> None:
    assert best_threshold({"a": 0.0}, {"a": "bait"}, {"a": -2.0}, {"a": False}) == (100.0, 0.0)


def test_scores_of_other_questions_are_ignored() -> None:
    result = best_threshold({"a": 1.0}, {"a": "x"}, {"other": -9.0, "a": 0.25}, {"a": True})
    assert result == (100.0, 0.25)


def test_equal_doubts_are_taken_one_by_one_in_their_order() -> None:
    scores, has_answer, texts = {"a": 1.0, "b": 0.0}, {"a": True, "b": False}, {"a": "x", "b": "bait"}
    assert best_threshold(scores, texts, {"a": 0.5, "b": 0.5}, has_answer) == (100.0, 0.5)
    assert best_threshold(scores, texts, {"b": 0.5, "a": 0.5}, has_answer) == (50.0, 0.0)
