"""By which names of columns `distil evaluate` reads a file."""

import json
from pathlib import Path

import pytest

from distil.framework.errors import DataError, UserError
from distil.framework.files import write_sealed
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.launch.evaluate import fields_given, fields_of_recipe, read_questions, renames
from tests.framework.test_outcome import RUN

OWN = {"context": "passage", "question": "query"}
TASK = ExtractiveQA()
NAMES = [asked.name for asked in TASK.fields]
ANSWER = {"id": "1", "answers": [{"text": "Туле", "answer_start": 2}]}


def questions(folder: Path, context: str, question: str) -> Path:
    path = folder / "questions.json"
    path.write_text(json.dumps([{**ANSWER, context: "В Туле.", question: "Где?"}]))
    return path


def test_the_names_that_are_given() -> None:
    assert fields_given([], NAMES) == {}
    assert fields_given(["context=passage", "question=query"], NAMES) == OWN


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("context", "is no NAME=COLUMN"),
        ("context=", "is no NAME=COLUMN"),
        ("contexts=passage", "unknown name 'contexts'; did you mean 'context'"),
        ("question=text", "names 'question' a second time"),
    ],
)
def test_names_that_cannot_be(field: str, said: str) -> None:
    with pytest.raises(UserError, match=f"--field {field}:? {said}"):
        fields_given(["question=query", field], NAMES)


def test_a_file_is_read_by_the_recipes_names_or_else_by_the_usual_ones(tmp_path: Path) -> None:
    for names, said in ((("passage", "query"), "context=passage, question=query"), (("context", "question"), "")):
        heard: list[str] = []
        (example,) = read_questions(questions(tmp_path, *names), [OWN, {}], TASK, heard.append).examples
        assert (example.context, example.question) == ("В Туле.", "Где?")
        assert said in "".join(heard)
    with pytest.raises(DataError, match="the data: this path is too long"):
        read_questions(tmp_path / ("x" * 300), [OWN, {}], TASK)
    with pytest.raises(DataError, match=r"no field 'passage'.*--field of `distil evaluate`"):
        read_questions(questions(tmp_path, "text", "query"), [OWN, {}], TASK)


def test_the_names_of_a_runs_recipe(tmp_path: Path) -> None:
    source = {"kind": "files", "path": "a.json", "fields": {**OWN, "id": None}}
    for given, expected in (
        (source, [OWN]),
        ({**source, "fields": {"context": None}}, []),
        ({"kind": "synthetic"}, []),
    ):
        for labels in (None, ["no", "yes"]):
            recipe = {"data": {"source": given}, "task": {"labels": labels}}
            write_sealed(tmp_path / "results.json", {**RUN, "recipe": recipe})
            assert list(fields_of_recipe(tmp_path)) == expected
            assert renames(tmp_path) == bool(labels)
