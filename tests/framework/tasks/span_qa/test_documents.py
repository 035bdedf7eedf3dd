from typing import Any

import pytest

from framework.errors import DataError
from tests.questions import document_rows, fields


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
    rows = list(document_rows(document({"context": "Кот спит.", "qas": [QA, IMPOSSIBLE]}), "f.json"))
    assert [(row.id, row.context, row.answers, row.impossible) for row in rows] == [
        ("q1", "Кот спит.", (("Кот", 0),), False),
        ("q2", "Кот спит.", (), True),
    ]
    assert rows[1].place == "f.json: data[1].paragraphs[0].qas[1]"


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"data": {}}, "f.json: data must be a list, found dict"),
        ({"data": ["x"]}, r"data\[0\]: expected an object with id, context, question and answers, found 'x'"),
        ({"data": [{"title": "a"}]}, r"data\[0\]: no field 'id' \(found: title\); `fields`"),
        ({"data": [{"paragraphs": {}}]}, r"data\[0\]: paragraphs must be a list, found dict"),
        ({"title": "a"}, r"f.json: no field 'id' \(found: title\)"),
        (3, "f.json: expected an object with id"),
        (document({"qas": []}), r"data\[1\].paragraphs\[0\]: no field 'context'"),
        (document({"context": "К"}), r"paragraphs\[0\]: no field 'qas'"),
        ([3], r"row\[0\]: expected an object with id"),
        (document({"context": 5, "qas": []}), r"paragraphs\[0\]: context must be text"),
        (document({"context": "К", "qas": [QA, {"id": "z"}]}), r"paragraphs\[0\].qas\[1\]: no field 'question'"),
    ],
)
def test_another_shape_is_an_error_with_its_path(broken: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        list(document_rows(broken, "f.json"))


PARAGRAPH = {"context": "Кот спит.", "qas": [QA, IMPOSSIBLE]}
ROW = {**QA, "context": "Кот спит."}


@pytest.mark.parametrize(
    ("shape", "places"),
    [
        ({"data": [ROW, {**IMPOSSIBLE, "context": "Кот спит."}]}, ["data[0]", "data[1]"]),
        ([PARAGRAPH], ["row[0].qas[0]", "row[0].qas[1]"]),
        ({"data": [PARAGRAPH]}, ["data[0].qas[0]", "data[0].qas[1]"]),
        (PARAGRAPH, ["qas[0]", "qas[1]"]),
        ([{"title": "t", "paragraphs": [PARAGRAPH]}], ["row[0].paragraphs[0].qas[0]", "row[0].paragraphs[0].qas[1]"]),
    ],
)
def test_every_shape_gives_the_same_questions(shape: Any, places: list[str]) -> None:
    rows = list(document_rows(shape, "f.json"))
    assert [(row.id, row.context, row.answers, row.impossible) for row in rows] == [
        ("q1", "Кот спит.", (("Кот", 0),), False),
        ("q2", "Кот спит.", (), True),
    ]
    assert [row.place.removeprefix("f.json: ").removeprefix("f.json.") for row in rows] == places


def test_korquad_2_has_one_answer_for_a_question() -> None:
    answer = {"text": "спит", "answer_start": 4, "html_answer_start": 90, "html_answer_text": "<b>спит</b>"}
    item = {
        "context": "Кот спит.",
        "url": "-",
        "raw_html": "<p>",
        "qas": [{"id": "7", "question": "?", "answer": answer}],
    }
    (row,) = document_rows({"version": "KorQuAD_2.0", "data": [item]}, "f.json")
    assert row.answers == (("спит", 4),)


def test_an_export_of_haystacks_annotation_tool() -> None:
    """One question about two documents, and one that the second document does not answer."""

    def paragraph(document: int, context: str, text: str, category: str | None) -> dict[str, Any]:
        answer = {"answer_id": 5, "document_id": document, "question_id": 4, "text": text, "answer_start": 0}
        qas = [
            {"question": "Кто?", "id": 4, "answers": [{**answer, "answer_category": category}], "is_impossible": False}
        ]
        return {"qas": qas, "context": context, "document_id": document}

    paragraphs = [
        paragraph(8, "Кот спит.", "Кот", "SHORT"),
        paragraph(9, "Пёс спит.", "Пёс", None),
        paragraph(10, "Тихо.", "-", "NOT_GIVEN"),
    ]
    rows = list(document_rows({"data": [{"title": "t", "paragraphs": [one]} for one in paragraphs]}, "f.json"))
    assert [(row.id, row.answers) for row in rows] == [("4", (("Кот", 0),)), ("4-9", (("Пёс", 0),)), ("4-10", ())]


def test_other_names() -> None:
    names = fields(id="n", question="q", context="passage", answers="gold.spans", start=None)
    item = {"passage": "Кот спит.", "qas": [{"n": 1, "q": "Кто?", "gold": {"spans": [{"text": "Кот", "start": 0}]}}]}
    (row,) = document_rows([item], "f.json", names)
    assert (row.id, row.question, row.context, row.answers) == ("1", "Кто?", "Кот спит.", (("Кот", 0),))
