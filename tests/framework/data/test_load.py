import json
from pathlib import Path
from typing import Any

import pytest

from distil.framework.data.example import Notebook, Notes, fingerprint
from distil.framework.data.load import load_data, load_split
from distil.framework.data.local_files import Files
from distil.framework.data.section import Data
from distil.framework.errors import DataError, MissingDataError
from distil.framework.tasks.span_qa.data import NOTES, Answer, QAExample, QARow, to_example
from distil.framework.tasks.span_qa.task import ExtractiveQA
from tests.questions import load

CONTEXTS = [f"Кот номер {i} спит." for i in range(10)]


def row(number: int, **change: Any) -> dict[str, Any]:
    answers = {"text": ["Кот"], "answer_start": [0]}
    base = {"id": f"q{number}", "context": CONTEXTS[number // 2], "question": "Кто спит?", "answers": answers}
    return base | change


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return path


def section(path: Path | dict[str, Path], **settings: Any) -> Data:
    paths = str(path) if isinstance(path, Path) else {name: str(file) for name, file in path.items()}
    return Data.model_validate({"source": {"kind": "files", "path": paths}, **settings})


class Listener:
    """Keeps what was said."""

    def __init__(self) -> None:
        from distil.framework.progress import SILENT

        self.said: list[str] = []
        self.task = SILENT.task

    def say(self, message: str) -> None:
        self.said.append(message)


def ids(notes: Notes) -> dict[str, tuple[str, ...]]:
    return {kind: found.ids for kind, found in notes.items()}


def test_splits_and_slices(tmp_path: Path) -> None:
    files = {
        "train": written(tmp_path / "a.json", [row(i) for i in range(20)]),
        "test": written(tmp_path / "b.json", [row(i) for i in range(4)]),
    }
    splits = {"train": "train[:75%]", "dev": "train[75%:]", "held": "test", "last": "test[-1:]"}
    data = load(section(files, splits=splits))
    assert {name: len(split.examples) for name, split in data.items()} == {"train": 15, "dev": 5, "held": 4, "last": 1}
    assert data["dev"].examples[0] == QAExample("q15", CONTEXTS[7], "Кто спит?", (Answer("Кот", 0),))
    assert data["held"].digest == fingerprint(data["held"].examples) != data["last"].digest


@pytest.mark.parametrize("main", [{"splits": {"train": "train[:4]"}}, {"cut": {"shares": {"train": 0.5}}}])
def test_extra_splits_come_from_sources_of_their_own(tmp_path: Path, main: dict[str, Any]) -> None:
    own = written(tmp_path / "a.json", [row(i) for i in range(20)])
    other = written(tmp_path / "b.json", [row(i, id=f"e{i}", question="А кто?", answers=None) for i in range(6)])
    source = {"kind": "files", "path": {"all": str(other)}}
    extra = {"first": {"source": source, "split": "all[:4]"}, "rest": {"source": source, "split": "all[4:]"}}
    data = load(section(own, extra=extra, **main))
    assert list(data) == ["train", "first", "rest"]
    assert [example.id for example in data["first"].examples] == ["e0", "e1", "e2", "e3"]
    assert [example.id for example in data["rest"].examples] == ["e4", "e5"]
    assert data["rest"].unlabelled == 2
    assert data["train"].digest == load(section(own, **main))["train"].digest


@pytest.mark.parametrize(
    ("split", "message"),
    [("test", r"no split 'test'; it has: train"), ("train[9:]", r"'more' is empty; no row is in train\[9:\]")],
)
def test_an_extra_split_that_is_not_there_or_empty_is_named(tmp_path: Path, split: str, message: str) -> None:
    path = written(tmp_path / "a.json", [row(i) for i in range(4)])
    extra = {"more": {"source": {"kind": "files", "path": str(path)}, "split": split}}
    with pytest.raises(DataError, match=message):
        load(section(path, splits={"train": "train"}, extra=extra))


def test_a_cut_shares_no_paragraph(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", [row(i) for i in range(20)])
    data = load(section(path, cut={"shares": {"train": 0.7, "dev": 0.3}, "seed": 3}))
    contexts = {name: {example.context for example in split.examples} for name, split in data.items()}
    assert contexts["train"].isdisjoint(contexts["dev"])
    assert [len(data[name].examples) for name in ("train", "dev")] == [14, 6]
    shuffled = written(tmp_path / "b.json", [row(i) for i in reversed(range(20))])
    again = load(section(shuffled, cut={"shares": {"train": 0.7, "dev": 0.3}, "seed": 3}))
    assert {e.id for e in again["dev"].examples} == {e.id for e in data["dev"].examples}


def test_what_became_of_every_row_is_counted_and_said(tmp_path: Path) -> None:
    rows = [
        row(0),
        row(1, answers={"text": ["спит"], "answer_start": [0]}),
        row(2, answers={"text": ["пёс"], "answer_start": [0]}),
        row(3, answers={"text": ["пёс", "Кот"], "answer_start": [0, 0]}),
        row(4, answers={"text": [""], "answer_start": [-1]}),
        row(5, answers=None),
        row(0),
    ]
    listener = Listener()
    split = load(section(written(tmp_path / "a.json", rows), splits={"train": "train"}), listener)["train"]
    assert [example.id for example in split.examples] == ["q0", "q1", "q3", "q4", "q5"]
    assert (split.repaired, split.dropped, split.unlabelled) == (2, 2, 2)
    assert split.examples[1].answers == (Answer("спит", 12),)
    assert ids(split.notes) == {"absent": ("q2",), "repaired": ("q1", "q3"), "repeated": ("q0",)}
    assert "train: 2 questions with an answer that was moved to where it occurs, or left out: q1, q3" in listener.said


@pytest.mark.parametrize("settings", [{"splits": {"train": "train[:50%]"}}, {"cut": {"shares": {"train": 0.5}}}])
def test_a_files_offsets_are_read_in_the_unit_that_explains_them_all(tmp_path: Path, settings: dict[str, Any]) -> None:
    contexts = [f"😀 Кот {i}, и кот {i}." for i in range(8)]
    rows = [
        row(i, context=text, answers={"text": ["кот"], "answer_start": [len(text[: text.index("кот")]) + 1]})
        for i, text in enumerate(contexts)
    ]
    listener = Listener()
    split = load(section(written(tmp_path / "a.json", rows), **settings), listener)["train"]
    assert all(example.answers == (Answer("кот", example.context.index("кот")),) for example in split.examples)
    assert ids(split.notes) == {"utf16": tuple(example.id for example in split.examples)}
    assert split.repaired == 0
    assert any("UTF-16 units" in said for said in listener.said)
    rows[0]["answers"]["answer_start"] = [contexts[0].index("кот")]  # one answer that only characters explain
    split = load(section(written(tmp_path / "a.json", rows), splits={"train": "train"}))["train"]
    assert set(split.notes) == {"repaired"}


def test_unanswerable_questions(tmp_path: Path) -> None:
    none = {"text": [], "answer_start": []}
    rows = [
        row(0, is_impossible=False),
        row(1, answers=none, is_impossible=True),
        row(2, answers=none),
        row(3, answers=None),
    ]
    path = written(tmp_path / "a.json", rows)
    examples = load(section(path, splits={"train": "train"}), unanswerable=True)["train"].examples
    assert [example.answers for example in examples] == [(Answer("Кот", 0),), (), (), None]
    split = load(section(path, splits={"train": "train"}))["train"]
    assert [(example.id, example.answers) for example in split.examples] == [
        ("q0", (Answer("Кот", 0),)),
        ("q2", None),
        ("q3", None),
    ]
    assert ids(split.notes) == {"impossible": ("q1",), "empty": ("q2",)}
    assert split.dropped == 1


def test_blank_contexts_and_questions_are_left_out_and_named(tmp_path: Path) -> None:
    rows = [row(0), row(1, context=" \n"), row(2, question=""), *(row(i, question=" ") for i in range(3, 14))]
    listener = Listener()
    split = load(section(written(tmp_path / "a.json", rows), splits={"train": "train"}), listener)["train"]
    assert [example.id for example in split.examples] == ["q0"]
    assert ids(split.notes) == {"blank": tuple(f"q{i}" for i in range(1, 14))}
    said = [line for line in listener.said if "blank" in line]
    named = ", ".join(f"q{i}" for i in range(1, 11))
    assert said == [f"train: 13 questions left out, as context or question is blank: {named}, …"]


def test_rows_of_one_question_are_joined(tmp_path: Path) -> None:
    rows = [
        row(0),
        row(1),
        row(0, answers={"text": ["спит", "Кот"], "answer_start": [12, 0]}),
        row(1),
        row(2, answers=None),
        row(2),
    ]
    split = load(section(written(tmp_path / "a.json", rows), splits={"train": "train[:2]", "dev": "train[2:]"}))
    assert [example.answers for example in split["train"].examples] == [
        (Answer("Кот", 0), Answer("спит", 12)),
        (Answer("Кот", 0),),
    ]
    assert ids(split["train"].notes) == {"repeated": ("q1",), "joined": ("q0",)}
    assert split["dev"].examples[0].answers == (Answer("Кот", 0),)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [row(0), row(1, id="q0", question="Где?")],
            r"row\[1\]: the id 'q0' is taken already, at .*row\[0\]",
        ),
        ([row(0, context=" \n")], "none of its questions can be used; 1 question left out, as context.*: q0"),
        (
            [row(0, answers={"text": ["пёс"], "answer_start": [0]})],
            "none of its questions can be used; 1 question left out, as none of their answers occurs.*: q0",
        ),
        ([], r"the data's split 'train' holds no questions"),
    ],
)
def test_rows_that_cannot_be_used(tmp_path: Path, rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(section(written(tmp_path / "a.json", rows), splits={"train": "train"}))


def test_a_contradictory_mark_of_impossibility() -> None:
    with pytest.raises(DataError, match="and yet has answers"):
        to_example(QARow("here", "q", "Кот.", "Кто?", (("Кот", 0),), impossible=True), True, Notebook(NOTES))


def test_unknown_and_empty_splits_are_named(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", [row(i) for i in range(4)])
    with pytest.raises(DataError, match=r"no split 'validation'; it has: train\. .*data\.cut"):
        load(section(path))
    with pytest.raises(DataError, match=r"'dev' is empty; no row is in train\[4:\]"):
        load(section(path, splits={"dev": "train[4:]"}))
    with pytest.raises(
        DataError, match=r"'dev' is empty: 'train' has 2 different texts, of which a share of 0.1 is less than one"
    ):
        load(section(path, cut={"shares": {"train": 0.9, "dev": 0.1}}))
    blank = written(tmp_path / "blank.json", [row(i, context=" ") for i in range(4)])
    with pytest.raises(DataError, match=r"'train' has 0 different texts, .*stay together"):
        load(section(blank, cut={"shares": {"train": 0.9, "dev": 0.1}}))


def test_generated_data_loads(tmp_path: Path) -> None:
    source = {"kind": "synthetic", "examples": {"train": 30, "validation": 10}, "label_noise": 0.5}
    data = load(Data.model_validate({"source": source}))
    assert [len(split.examples) for split in data.values()] == [30, 10]
    assert all(split.repaired == split.dropped == split.unlabelled == 0 for split in data.values())


def test_what_a_task_refuses_of_rows_that_are_no_examples_is_told_as_it_is(tmp_path: Path) -> None:
    """Labels of rows that play no part are left out only where rows have them."""

    class Refusing(ExtractiveQA):
        def settle(self, rows: list[QARow]) -> list[QARow]:
            raise DataError(f"{rows[0].place}: refused")

    path = written(tmp_path / "rows.json", [row(number) for number in range(4)])
    with pytest.raises(DataError, match=r"row\[0\]: refused"):
        load_data(section(path, splits={"train": "train[:2]"}), Refusing())


def test_a_dataset_that_is_out_of_reach_is_asked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def out_of_reach(*_: Any, **__: Any) -> None:
        asked.append(1)
        raise MissingDataError("the hub is out of reach")

    monkeypatch.setattr(Files, "readers", out_of_reach)
    data = section(written(tmp_path / "rows.json", [row(0)]), splits={"train": "train"})
    with pytest.raises(MissingDataError):
        load_split(data, ExtractiveQA(), "train")
    assert len(asked) == 1
