"""Rows at hand in Python become sources that are read like files."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import distil
from distil.data import Rows
from distil.framework.data.load import load_data
from distil.framework.data.section import Data
from distil.framework.errors import DataError
from distil.framework.tasks.base import Task
from distil.framework.tasks.classification.task import Classification
from distil.framework.tasks.span_qa.task import ExtractiveQA

TEXTS = [{"text": "один «два»", "label": "нет"}, {"text": "three", "label": "да"}, {"text": "vier", "label": "нет"}]
QUESTION = {
    "id": "q1",
    "context": "Анна живёт в Туле.",
    "question": "Где живёт Анна?",
    "answers": {"text": ["в Туле"], "answer_start": [11]},
}
FORMS: dict[str, Any] = {
    "list": lambda rows: rows,
    "generator": lambda rows: (row for row in rows),
    "frame": pd.DataFrame,
    "dataset": datasets.Dataset.from_list,
    "arrow": pa.Table.from_pylist,
}


def examples(source: object, task: Task, split: str = "train") -> list[Any]:
    return list(load_data(Data(source=source, splits={split: split}), task)[split].examples)  # type: ignore[arg-type]


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_give_the_same_examples(form: str, tmp_path: Path) -> None:
    for rows, task in ((TEXTS, Classification()), ([QUESTION], ExtractiveQA())):
        expected = examples(distil.as_source(rows, folder=tmp_path), task)
        source = distil.as_source(FORMS[form](rows), folder=tmp_path)
        assert [one.texts for one in examples(source, task)] == [one.texts for one in expected]
        assert [one.labelled for one in examples(source, task)] == [True] * len(rows)


def test_names_of_classes_come_along(tmp_path: Path) -> None:
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])})
    made = datasets.Dataset.from_dict({"text": ["a b", "c d", "e f"], "label": [1, 0, 1]}, features=features)
    source = distil.as_source(datasets.DatasetDict({"train": made.select([2, 1])}), folder=tmp_path)
    assert [one.labels for one in examples(source, Classification())] == [("yes",), ("no",)]


def test_columns_that_nobody_asks_for_need_not_be_legible(tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": ["a b", "c d"], "label": ["x", "y"], "raw": [b"\xff", b"\xfe"]})
    assert len(examples(distil.as_source(frame, folder=tmp_path), Classification())) == 2


def test_content_decides_about_the_file(tmp_path: Path) -> None:
    def path(rows: "Rows") -> str:
        found = distil.as_source({"train": rows}, folder=tmp_path).path
        assert isinstance(found, dict)
        return found["train"]

    frame = pd.DataFrame(TEXTS)
    assert path(frame) == path(frame.copy()) == path(pd.DataFrame(TEXTS, index=[5, 6, 7]))
    assert path(frame) != path(frame.iloc[::-1])
    dataset = datasets.Dataset.from_list(TEXTS)
    joined = datasets.concatenate_datasets([dataset.select([0]), dataset.select([1, 2])])
    assert path(dataset) == path(joined) == path(dataset.select([2, 0, 1]).select([1, 2, 0]))
    assert path(TEXTS) == path(tuple(TEXTS)) != path(TEXTS[:2])
    one = {**TEXTS[0], "text": "один  «два»"}
    assert path([one, *TEXTS[1:]]) != path(TEXTS)
    assert len(list(tmp_path.iterdir())) == 6


def test_what_numpy_holds_is_plain(tmp_path: Path) -> None:
    rows = [{"text": "a b", "label": np.int64(0)}, {"text": np.str_("c d"), "label": Decimal("1.0")}]
    assert [one.labels for one in examples(distil.as_source(rows, folder=tmp_path), Classification())] == [
        ("0",),
        ("1",),
    ]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "the split 'train' has no rows"),
        (pd.DataFrame({"text": []}), "the split 'train' has no rows"),
        ({"dev": [{"text": object()}]}, r"the split 'dev' .*row\[0\]: a object is nothing that JSON holds"),
        ([["a", "b"]], r"row\[0\] is \['a', 'b'\], expected a dict"),
        ("my/train.csv", "found 'my/train.csv'; files are for `Files`"),
        (3, "expected a Dataset, a frame or a list of dicts, found 3"),
        (pd.DataFrame({"text": ["a", 3]}), "cannot be written as a table"),
        ([{"text": "\ud83d"}], "the split 'train' cannot be written as a table: .*surrogates not allowed"),
    ],
)
def test_rows_that_are_none_are_refused(rows: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        distil.as_source(rows, folder=tmp_path)


def test_names_of_columns_are_those_of_files(tmp_path: Path) -> None:
    rows = [{"sentence": "a b", "label": "x"}, {"sentence": "c d", "label": "y"}]
    source = distil.as_source({"dev": rows}, fields={"text": "sentence"}, folder=tmp_path)
    assert [one.texts for one in examples(source, Classification(), "dev")] == [("a b",), ("c d",)]


@pytest.mark.parametrize(
    ("data", "fields", "message"),
    [
        ({"text": ["a", "b"], "label": np.asarray([0, 1])}, None, "found columns: text, label; pandas.DataFrame"),
        (["a", "b"], None, r"row\[0\] is 'a', expected a dict"),
        ({"train": [["a", "b"]]}, None, r"row\[0\] is \['a', 'b'\], expected a dict"),
        (TEXTS, ["text"], "fields: expected names of columns by the task's"),
    ],
)
def test_what_is_none_says_how_it_would_be(data: Any, fields: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        distil.as_source(data, fields, folder=tmp_path)
