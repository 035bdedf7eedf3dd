import pytest
from pydantic import ValidationError

from framework.data.fields import Fields, lookup
from framework.errors import DataError


def test_a_path_leads_into_objects() -> None:
    record = {"a": {"b": {"c": 1}}, "a.b": 2, "d": None}
    assert lookup(record, "a.b") == (True, 2)
    assert lookup(record, "a.b.c") == (True, 1)
    assert lookup(record, "d") == (True, None)
    assert lookup(record, "d.e") == (False, None)
    assert lookup(record, "a.x") == (False, None)


def test_needed_columns() -> None:
    there = ["title", "question", "context", "id", "answers", "answer"]
    assert Fields().columns(there, "f.csv") == ["id", "context", "question", "answers"]
    assert Fields().columns([*there, "title", ""], "f.csv") == ["id", "context", "question", "answers"]
    assert Fields().columns(["id", "context", "question", "is_impossible"], "f.csv")[-1] == "is_impossible"
    assert Fields(answers="title").columns(there, "f.csv") == ["id", "context", "question", "title"]
    nested = ["id", "question", "context", "gold"]
    assert Fields(answers="gold.text", start="gold.begin").columns(nested, "f.csv") == [
        "id",
        "context",
        "question",
        "gold",
    ]


@pytest.mark.parametrize(
    ("fields", "there", "message"),
    [
        ({}, ["id", "text", "question"], r"f.csv: no column 'context' \(found: id, text, question\)"),
        ({"start": "at"}, ["id", "context", "question", "answers"], "no column 'at'"),
        ({"answers": "gold.text"}, ["id", "context", "question", "answers"], "no column 'gold.text'"),
        ({}, ["id", "context", "question", "answers", "id"], "two columns are called 'id'"),
        ({}, ["id", "context", "question"], "no column 'answers'.*`fields` of the data's source"),
    ],
)
def test_columns_that_are_not_there_or_there_twice(fields: dict[str, str], there: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Fields.model_validate(fields).columns(there, "f.csv")


def test_only_what_distil_reads_has_another_name() -> None:
    with pytest.raises(
        ValidationError, match=r"unknown key 'query'; .*legal here: id, context, question, answers, start"
    ):
        Fields.model_validate({"query": "question"})
