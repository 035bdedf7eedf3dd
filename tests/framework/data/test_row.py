from typing import Any

import pytest

from framework.data.row import parse_row
from framework.errors import DataError

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
        ({"question": None}, "question must be text"),
        ({"question": "\ud800?"}, "surrogate"),
        ({"answers": "Кот"}, "answers must be"),
        ({"answers": {"text": ["Кот"]}}, "no field 'answer_start'"),
        ({"answers": {"text": ["Кот"], "answer_start": []}}, "lists of one length"),
        ({"answers": {"text": "Кот", "answer_start": 0}}, "lists of one length"),
        ({"answers": {"text": ["Кот"], "answer_start": [0.0]}}, "whole number"),
        ({"answers": {"text": [None], "answer_start": [0]}}, "answer's text must be text"),
        ({"answers": ["Кот"]}, "must be an object"),
        ({"is_impossible": "no"}, "true or false"),
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
