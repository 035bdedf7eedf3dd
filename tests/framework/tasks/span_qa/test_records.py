import datetime
from typing import Any

import pytest

from distil.framework.errors import DataError
from distil.framework.tasks.span_qa.records import claims_of
from distil.framework.tasks.span_qa.task import ExtractiveQA
from tests.questions import document_rows, fields, parse_row

NAN = float("nan")
GOOD: dict[str, Any] = {
    "id": 7,
    "context": "Кот спит.",
    "question": "Кто спит?",
    "answers": {"text": ["Кот"], "answer_start": [0]},
}
TEXT = "Анна живёт в Омске."


def test_both_forms_of_answers_and_numeric_ids() -> None:
    row = parse_row(GOOD, "here")
    assert row.id == "7"
    assert row.answers == (("Кот", 0),)
    assert parse_row(GOOD | {"answers": [{"text": "Кот", "answer_start": 0}]}, "here") == row


def test_null_and_empty_answers_differ() -> None:
    assert parse_row(GOOD | {"answers": None}, "here").answers is None
    assert parse_row(GOOD | {"answers": {"text": [], "answer_start": []}}, "here").answers == ()


def test_rows_without_an_id_are_known_by_their_number() -> None:
    other = {**GOOD, "question": "Кто здесь?"}
    several = [other, GOOD, {**GOOD, "answers": "спит"}, {**GOOD, "context": "Кот спит и ест."}]
    for without in ({}, {"id": None}, {"id": float("nan")}, {"id": ""}):
        rows = [{**{k: v for k, v in row.items() if k != "id"}, **without} for row in several]
        assert [row.id for row in document_rows(rows, "f.json")] == ["0", "1", "1", "3"]
    examples = ExtractiveQA().settle(document_rows([{**row, "id": None} for row in several], "f.json"))
    assert [(row.id, [text for text, _ in row.answers or ()]) for row in examples] == [
        ("0", ["Кот"]),
        ("1", ["Кот", "спит"]),
        ("3", ["Кот"]),
    ]
    with pytest.raises(DataError, match="no field 'nr'"):
        document_rows([other], "f.json", fields(id="nr"))


def test_unknown_fields_are_none_of_its_business() -> None:
    assert parse_row(GOOD | {"title": 3}, "here") == parse_row(GOOD, "here")


@pytest.mark.parametrize(
    ("change", "message"),
    [
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


@pytest.mark.parametrize("name", ["context", "question", "answers"])
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


def region(**value: Any) -> dict[str, Any]:
    return {"id": "x", "from_name": "answer", "to_name": "text", "type": "labels", "value": value, "origin": "manual"}


def task(number: int, *results: list[dict[str, Any]], **data: Any) -> dict[str, Any]:
    annotations = [{"id": 9, "completed_by": 1, "result": result, "was_cancelled": False} for result in results]
    texts = {"text": TEXT, "question": "Где живёт Анна?", **data}
    return {"id": number, "annotations": annotations, "drafts": [], "predictions": [], "data": texts, "project": 1}


OMSK = region(start=13, end=18, text="Омске", labels=["Answer"])


def test_an_export_as_json() -> None:
    two = task(2, [OMSK], [region(start=11, end=18, text="в Омске", labels=["Answer"])])
    none = task(3, [])
    skipped = task(4, [OMSK])
    skipped["annotations"][0]["was_cancelled"] = True
    rows = list(document_rows([task(1, [OMSK]), two, none, skipped, task(5)], "f.json"))
    assert [(row.id, row.answers) for row in rows] == [
        ("1", (("Омске", 13),)),
        ("2", (("Омске", 13), ("в Омске", 11))),
        ("3", ()),
        ("4", None),
        ("5", None),
    ]
    assert {(row.context, row.question) for row in rows} == {(TEXT, "Где живёт Анна?")}
    assert rows[1].place == "f.json: row[1]"


def test_other_names_are_those_of_the_tasks_data() -> None:
    names = fields(id="own", context="doc.body", question="ask")
    item = task(1, [OMSK], own="a7", doc={"body": TEXT}, ask="Где?")
    (row,) = document_rows([item], "f.json", names)
    assert (row.id, row.context, row.question, row.answers) == ("a7", TEXT, "Где?", (("Омске", 13),))


def test_regions_of_other_kinds_of_texts_and_marks() -> None:
    choice = region(choices=["easy"])
    html = region(
        start="/p[1]/text()[1]",
        startOffset=3,
        end="/p[1]/text()[1]",
        endOffset=8,
        globalOffsets={"start": 13, "end": 18},
    )
    paths = {"start": "/p[1]/text()[1]", "startOffset": 3, "end": "/p[1]/text()[1]", "endOffset": 8}
    path = region(**paths, globalOffsets=None, text="Омске")
    old = {**task(4, [OMSK]), "completions": task(4, [OMSK])["annotations"]}
    del old["annotations"]
    rows = list(document_rows([task(1, [choice, OMSK]), task(2, [html]), task(3, [path]), old], "f.json"))
    assert [row.answers for row in rows] == [(("Омске", 13),), (("Омске", 13),), (("Омске", None),), (("Омске", 13),)]


def test_an_export_without_texts_where_offsets_may_mean_something_else() -> None:
    item = task(1, [region(start=5, end=8)], text="Кот 😀 спит.")
    with pytest.raises(DataError, match=r"f.json: row\[0\]: a region comes without its text"):
        list(document_rows([item], "f.json"))


def test_the_smaller_export_is_read_as_rows() -> None:
    answer = {"start": 13, "end": 18, "text": "Омске", "labels": ["Answer"]}
    item = {"id": 1, "text": TEXT, "question": "Где?", "answer": [answer], "annotator": 1, "annotation_id": 5}
    (row,) = document_rows([item], "f.json", fields(context="text"))
    assert (row.id, row.context, row.answers) == ("1", TEXT, (("Омске", 13),))


@pytest.mark.parametrize("annotations", [None, [3], [{"result": None}], [{"result": [3]}]])
def test_what_is_no_export_is_named_with_its_place(annotations: Any) -> None:
    item = {**task(1), "annotations": annotations}
    with pytest.raises(DataError, match=r"row\[0\]: annotations and their results must be lists of objects"):
        list(document_rows([item], "f.json"))


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
        ({"data": ["x"]}, r"data\[0\]: expected an object with context, question and answers, found 'x'"),
        ({"data": [{"title": "a"}]}, r"data\[0\]: no field 'context' \(found: title\); `fields`"),
        ({"data": [{"paragraphs": {}}]}, r"data\[0\]: paragraphs must be a list, found dict"),
        ({"title": "a"}, r"f.json: no field 'context' \(found: title\)"),
        (3, "f.json: expected an object with context"),
        (document({"qas": []}), r"data\[1\].paragraphs\[0\]: no field 'context'"),
        (document({"context": "К"}), r"paragraphs\[0\]: no field 'qas'"),
        ([3], r"row\[0\]: expected an object with context"),
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
