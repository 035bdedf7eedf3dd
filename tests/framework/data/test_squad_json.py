from typing import Any

import pytest

from framework.data.squad_json import squad_rows
from framework.errors import DataError


def document(paragraph: dict[str, Any]) -> dict[str, Any]:
    return {"version": "2.0", "data": [{"title": "a", "paragraphs": []}, {"title": "b", "paragraphs": [paragraph]}]}


QA = {"id": "q1", "question": "Кто?", "answers": [{"text": "Кот", "answer_start": 0}]}
IMPOSSIBLE = {
    "id": "q2",
    "question": "Где?",
    "answers": [],
    "is_impossible": True,
    "plausible_answers": [{"text": "тут"}],
}


def test_versions_1_and_2() -> None:
    rows = list(squad_rows(document({"context": "Кот спит.", "qas": [QA, IMPOSSIBLE]}), "f.json"))
    assert [(row.id, row.context, row.answers, row.impossible) for row in rows] == [
        ("q1", "Кот спит.", (("Кот", 0),), False),
        ("q2", "Кот спит.", (), True),
    ]
    assert rows[1].place == "f.json: data[1].paragraphs[0].qas[1]"


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"data": {}}, "f.json: data must be a list, found dict"),
        ({"data": ["x"]}, r"data\[0\] must be an object, found str"),
        ({"data": [{"title": "a"}]}, r"data\[0\]: no field 'paragraphs' \(found: title\)"),
        (document({"qas": []}), r"data\[1\].paragraphs\[0\]: no field 'context'"),
        (document({"context": "К"}), r"paragraphs\[0\]: no field 'qas'"),
        (document({"context": None, "qas": []}), r"paragraphs\[0\]: context must be text"),
        (document({"context": "К", "qas": [QA, {"id": "z"}]}), r"paragraphs\[0\].qas\[1\]: no field 'question'"),
    ],
)
def test_another_shape_is_an_error_with_its_path(broken: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        list(squad_rows(broken, "f.json"))
