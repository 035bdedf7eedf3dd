import datetime
from typing import Any

import pytest

from framework.errors import DataError
from framework.tasks.span_qa.records import claims_of
from tests.questions import fields, parse_row

NAN = float("nan")
GOOD: dict[str, Any] = {
    "id": 7,
    "context": "Кот спит.",
    "question": "Кто спит?",
    "answers": {"text": ["Кот"], "answer_start": [0]},
}


def test_both_forms_of_answers_and_numeric_ids() -> None:
    row = parse_row(GOOD, "here")
    assert row.id == "7"
    assert row.answers == (("Кот", 0),)
    assert parse_row(GOOD | {"answers": [{"text": "Кот", "answer_start": 0}]}, "here") == row


def test_null_and_empty_answers_differ() -> None:
    assert parse_row(GOOD | {"answers": None}, "here").answers is None
    assert parse_row(GOOD | {"answers": {"text": [], "answer_start": []}}, "here").answers == ()


def test_unknown_fields_are_none_of_its_business() -> None:
    assert parse_row(GOOD | {"title": 3}, "here") == parse_row(GOOD, "here")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": None}, "id must be text"),
        ({"id": True}, "id must be text"),
        ({"context": 5}, "context must be text"),
        ({"id": 1.5}, "whole number"),
        ({"id": datetime.date(2020, 1, 1)}, "id must be text or a whole number"),
        ({"question": 5}, "question must be text"),
        ({"question": "\ud800?"}, "surrogate"),
        ({"answers": 3}, "answers must be"),
        ({"is_impossible": "maybe"}, "true or false"),
        ({"is_impossible": 2}, "true or false"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=rf"^data\.json: row\[3\].*{message}"):
        parse_row(GOOD | change, "data.json: row[3]")


@pytest.mark.parametrize("name", ["id", "context", "question", "answers"])
def test_a_missing_field_is_named(name: str) -> None:
    record = {key: value for key, value in GOOD.items() if key != name}
    with pytest.raises(DataError, match=rf"no field '{name}'.*found: "):
        parse_row(record, "here")


def test_a_row_that_is_no_object() -> None:
    with pytest.raises(DataError, match="expected an object"):
        parse_row([1], "here")


@pytest.mark.parametrize(
    ("value", "impossible"),
    [
        *((mark, True) for mark in (True, 1, 1.0, "True", "1", " yes ")),
        *((mark, False) for mark in (False, 0, 0.0, "false", "0", "", None, NAN)),
    ],
)
def test_marks_of_impossibility(value: Any, impossible: bool) -> None:
    record = GOOD | {"answers": [], "is_impossible": value}
    assert parse_row(record, "here").impossible is impossible


def test_an_impossible_question_may_lack_answers() -> None:
    record = {key: value for key, value in GOOD.items() if key != "answers"}
    row = parse_row({**record, "is_impossible": 1}, "here")
    assert (row.answers, row.impossible) == (None, True)
    with pytest.raises(DataError, match="no field 'answers'; write null"):
        parse_row({**record, "is_impossible": 0}, "here")


def test_missing_texts_are_blank_and_missing_answers_are_null() -> None:
    row = parse_row(GOOD | {"context": None, "question": NAN, "answers": NAN, "id": 3.0}, "here")
    assert (row.id, row.context, row.question, row.answers) == ("3", "", "", None)


def test_a_start_beside_the_answer() -> None:
    flat = GOOD | {"answers": "Кот", "answer_start": 0.0}
    assert parse_row(flat, "here").answers == (("Кот", 0),)
    other = {"id": 7, "passage": "Кот спит.", "query": "Кто спит?", "answer_text": "Кот", "answer_begin": "0"}
    names = fields(context="passage", question="query", answers="answer_text", start="answer_begin")
    assert parse_row(other, "here", names) == parse_row(flat, "here")
    assert parse_row(GOOD | {"answer_start": 5}, "here").answers == (("Кот", 0),)


@pytest.mark.parametrize("part", ["id", "context", "question", "answers", "start", "is_impossible"])
def test_a_named_field_has_to_be_there(part: str) -> None:
    with pytest.raises(DataError, match=r"here: no field 'x.y'.*found: id, context, question, answers"):
        parse_row(GOOD, "here", fields(**{part: "x.y"}))


@pytest.mark.parametrize(
    ("value", "start", "claims"),
    [
        (None, 3, None),
        (NAN, None, None),
        ([], None, ()),
        ([], [], ()),
        ({"text": [], "answer_start": []}, None, ()),
        ({"text": ["Кот", "кот"], "answer_start": [0, 5.0]}, None, (("Кот", 0), ("кот", 5))),
        ({"text": "Кот", "answer_start": 0}, None, (("Кот", 0),)),
        ({"text": ["Кот"]}, None, (("Кот", None),)),
        ([{"text": "Кот", "answer_start": 0}, {"text": "кот", "start": 5}], None, (("Кот", 0), ("кот", 5))),
        ([{"text": "Кот"}], None, (("Кот", None),)),
        ([{"text": "Кот", "answer_start": NAN}], None, (("Кот", None),)),
        ("Кот", None, (("Кот", None),)),
        ("Кот", "12.0", (("Кот", 12),)),
        ("Кот", "", (("Кот", None),)),
        ("Кот", -1, (("Кот", -1),)),
        (["Кот", "кот"], None, (("Кот", None), ("кот", None))),
        (["Кот", "кот"], [0, 5], (("Кот", 0), ("кот", 5))),
        ([{"text": "-", "answer_start": 0, "answer_category": "NOT_GIVEN"}], None, ()),
    ],
)
def test_forms_of_answers(value: Any, start: Any, claims: Any) -> None:
    assert claims_of(value, start, "here") == claims


@pytest.mark.parametrize(
    ("value", "start", "message"),
    [
        (3, None, "answers must be text, .* or a list, found 3"),
        ([3], None, "an answer must be text or an object"),
        (["Кот", {"text": "кот"}], None, "an answer must be text or an object"),
        ({"answer_start": 0}, None, "an answer must be text or an object"),
        ({"text": ["Кот"], "answer_start": []}, None, "as many starts as answers, found .*Кот.* and \\[\\]"),
        (["Кот", "кот"], 0, "as many starts as answers"),
        ({"text": ["Кот"], "answer_start": [0.5]}, None, "answer_start must be a whole number, found 0.5"),
        ({"text": ["Кот"], "answer_start": [True]}, None, "whole number, found True"),
        ({"text": ["Кот"], "answer_start": ["x"]}, None, "whole number, found 'x'"),
        ({"text": ["Кот"], "answer_start": [float("inf")]}, None, "whole number, found inf"),
        ({"text": [None], "answer_start": [0]}, None, "an answer's text must be text, found None"),
        ("Кот", "1" * 5000, "whole number"),
    ],
)
def test_what_is_no_answer_is_named_with_its_place(value: Any, start: Any, message: str) -> None:
    with pytest.raises(DataError, match=f"^here: .*{message}"):
        claims_of(value, start, "here")
