"""Teachers that teach alone, by what they say or by a column of the data."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from distil.framework.data.load import load_data
from distil.framework.data.section import Data
from distil.framework.ensembles import AnyEnsemble
from distil.framework.ensembles.route import Route
from distil.framework.ensembles.source import EnsembleSource
from distil.framework.errors import DataError
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import run
from distil.framework.signals.shards import row_key
from distil.framework.tasks.classification.task import Classification
from distil.framework.tasks.span_qa.data import Answer, QAExample
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.tasks.tagging.task import Tagging
from distil.framework.tasks.text.task import Text
from tests.framework.ensembles.opinions import CONTEXT, Fixed
from tests.framework.ensembles.test_heads import without
from tests.framework.signals.made_up import masses, of_masses
from tests.framework.tasks.text.runs import pairs, values

SURE, UNSURE = of_masses({9: 0.9, 0: 0.1}, {9: 0.9, 3: 0.1}), of_masses({9: 0.4, 0: 0.6}, {9: 0.4, 3: 0.6})
EXAMPLES = [QAExample(str(number), CONTEXT, "Кто?", (Answer("Пётр", 0),)) for number in range(3)]


def source(rule: Any, a: Any = SURE, b: Any = UNSURE, **more: Any) -> EnsembleSource:
    return EnsembleSource(rule, {"a": Fixed(a), "b": Fixed(b)}, {"a": 1.0, "b": 1.0}, {}, ExtractiveQA(), **more)


def test_the_surest_teaches_or_who_knows_best() -> None:
    for by, expected in (("confidence", [1, 0]), ("likelihood", [0, 1])):
        found = source(Route(by=by))  # type: ignore[arg-type]
        assert found.weights(EXAMPLES[:1])[0].tolist() == expected
        measured = replace(found, ignore_labels=True).weights(EXAMPLES[:1])[0].tolist()
        assert measured == ([1, 0] if by == "confidence" else [0.5, 0.5])


def test_whom_a_column_names_teaches() -> None:
    column = {row_key(EXAMPLES[0]): "en", row_key(EXAMPLES[1]): "ru"}
    found = source(Route(column="language", teachers={"en": "a", "ru": "b"}), column=column)
    assert found.weights(EXAMPLES).tolist() == [[1, 0], [0, 1], [0.5, 0.5]]
    named = source(Route(column="who"), column={row_key(EXAMPLES[0]): "b"})
    assert named.weights(EXAMPLES[:1]).tolist() == [[0, 1]]
    (taught,) = found.signals(EXAMPLES[1:2], [1.0])[1.0]
    assert masses(taught) == pytest.approx(masses(UNSURE), abs=1e-6)


def test_nobody_speaks_for_the_heads_that_it_lacks() -> None:
    column = {row_key(EXAMPLES[0]): "a"}
    (taught,) = source(Route(column="who"), without(SURE, [True, False]), column=column).signals(EXAMPLES[:1], [1.0])[
        1.0
    ]
    assert taught.said.tolist() == [False, True]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({}, "say who teaches an example"),
        ({"by": "confidence", "column": "who"}, "say who teaches an example"),
        ({"by": "confidence", "teachers": {"x": "a"}}, "`teachers` belongs to a `column`"),
    ],
    ids=str,
)
def test_what_says_it_not_or_twice_is_refused(section: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TypeAdapter(AnyEnsemble).validate_python({"rule": "route", **section})


_SQUAD = {
    "data": [
        {
            "paragraphs": [{"context": "Anna lives in Omsk.", "qas": [{"id": "q", "question": "Who?", "answers": []}]}],
            "who": "a",
        }
    ]
}
_DATA: dict[str, tuple[Any, str, Any, str]] = {
    "squad": (ExtractiveQA(), "json", _SQUAD, "a"),
    "questions": (
        ExtractiveQA(),
        "jsonl",
        {"id": "q", "context": "Anna.", "question": "Who?", "answers": [], "who": "a"},
        "a",
    ),
    "classes": (Classification(), "csv", "id,text,label,who\nq,Anna,x,7\n", "7"),
    "tags": (
        Tagging(),
        "jsonl",
        {"id": "q", "tokens": ["Anna"], "tags": ["B-PER"], "meta": {"who": "b"}, "who": "b"},
        "b",
    ),
    "texts": (Text(), "jsonl", {"id": "q", "prompt": "Who?", "completion": "Anna.", "who": "b"}, "b"),
}


@pytest.mark.parametrize("kind", _DATA)
def test_a_column_is_read_beside_what_every_task_asks_for(kind: str, tmp_path: Path) -> None:
    task, extension, content, expected = _DATA[kind]
    path = tmp_path / f"data.{extension}"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    data = Data.model_validate({"source": {"kind": "files", "path": str(path)}, "splits": {"train": "train"}})
    split = load_data(data, task, column="who")["train"]
    assert dict(split.column) == {"q": expected}
    assert not load_data(data, task)["train"].column
    with pytest.raises(DataError, match=r"'language'"):
        load_data(data, task, column="language")


def test_a_run_by_a_column(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    rows = [{**one, "script": "cyrillic" if number % 4 == 3 else "latin"} for number, one in enumerate(pairs(40))]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    rule = {"rule": "route", "column": "script", "teachers": {"latin": "a", "cyrillic": "b"}}
    usual = {"ensemble": rule, "evaluation": {"latency_questions": 0, "bootstrap": 100}}
    results = run(recipe_from_values(values(tmp_path, **usual), "here"))
    found = {model["name"]: model for model in results["models"]}
    taught = found["student"]["training"]
    assert taught is not None
    assert taught["weights"]["a"]["mean"] == pytest.approx(0.75)
    assert found["ensemble"]["weights"]["b"]["mean"] == pytest.approx(0.25)
    with pytest.raises(
        DataError, match="'cyrillic' in the column 'script' of '3' names no teacher; expected one of latin"
    ):
        run(recipe_from_values(values(tmp_path, **{**usual, "ensemble": {**rule, "teachers": {"latin": "a"}}}), "here"))
