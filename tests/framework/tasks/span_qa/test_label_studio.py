from typing import Any

import pytest

from framework.errors import DataError
from tests.questions import document_rows, fields

TEXT = "Анна живёт в Омске."


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
    path = region(start="/p[1]/text()[1]", startOffset=3, end="/p[1]/text()[1]", endOffset=8, text="Омске")
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
