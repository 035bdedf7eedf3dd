import pytest

from distil.framework.data.records import lookup
from distil.framework.errors import DataError
from tests.questions import fields


def test_a_path_leads_into_objects() -> None:
    record = {"a": {"b": {"c": 1}}, "a.b": 2, "d": None}
    assert lookup(record, "a.b") == (True, 2)
    assert lookup(record, "a.b.c") == (True, 1)
    assert lookup(record, "d") == (True, None)
    assert lookup(record, "d.e") == (False, None)
    assert lookup(record, "a.x") == (False, None)


def test_needed_columns() -> None:
    there = ["title", "question", "context", "id", "answers", "answer"]
    assert fields().columns(there, "f.csv") == ["id", "context", "question", "answers"]
    assert fields().columns([*there, "title", ""], "f.csv") == ["id", "context", "question", "answers"]
    assert fields().columns(["id", "context", "question", "is_impossible"], "f.csv")[-1] == "is_impossible"
    assert fields(answers="title").columns(there, "f.csv") == ["id", "context", "question", "title"]
    nested = ["id", "question", "context", "gold"]
    assert fields(answers="gold.text", start="gold.begin").columns(nested, "f.csv") == [
        "id",
        "context",
        "question",
        "gold",
    ]


@pytest.mark.parametrize(
    ("given", "there", "message"),
    [
        ({}, ["id", "text", "question"], r"f.csv: no column 'context' \(found: id, text, question\)"),
        ({"start": "at"}, ["id", "context", "question", "answers"], "no column 'at'"),
        ({"answers": "gold.text"}, ["id", "context", "question", "answers"], "no column 'gold.text'"),
        ({}, ["id", "context", "question", "answers", "id"], "two columns are called 'id'"),
        ({}, ["id", "context", "question"], "no column 'answers'.*`fields` of the data's source"),
    ],
)
def test_columns_that_are_not_there_or_there_twice(given: dict[str, str], there: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        fields(**given).columns(there, "f.csv")


def test_only_what_the_task_asks_for_has_another_name() -> None:
    (problem,) = fields(query="question").problems("data.source.fields")
    assert problem.startswith("data.source.fields: unknown key 'query'; ")
    assert "legal here: id, context, question, answers, start, is_impossible" in problem
    assert fields(context="text").problems("here") == []
