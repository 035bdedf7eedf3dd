"""Prompts and completions, as people's data have them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pytest

import distil
from distil.framework.chat.messages import Message
from distil.framework.data.example import Notebook
from distil.framework.data.local_files import Files
from distil.framework.data.records import Fields, Record
from distil.framework.errors import DataError
from distil.framework.progress import SILENT
from distil.framework.tasks.text import data
from distil.framework.tasks.text.example import Written

_TURNS = [
    {"role": "system", "content": "Отвечай кратко."},
    {"role": "user", "content": "Сколько будет два и два?"},
    {"role": "assistant", "content": "Четыре."},
]


def _rows(*values: Any, **fields: str) -> list[Written]:
    records = [Record(f"row {number}", value) for number, value in enumerate(values)]
    return list(data.read_rows(records, Fields(data.FIELDS, fields)))


def _part(text: str | None, kind: str = "text", **more: object) -> dict[str, object]:
    return {"type": kind, "text": text, **more}


def _turn(role: str, content: object) -> dict[str, object]:
    return {"role": role, "content": content}


def test_columns_of_prompts_and_completions() -> None:
    assert _rows({"prompt": "Да?", "completion": " Нет."}) == [Written("0", "Да?", " Нет.", place="row 0")]
    (row,) = _rows({"id": 7, "question": "1+1", "answer": "2"}, prompt="question", completion="answer")
    assert row.texts == ("1+1", "2")
    assert row.id == "7"


def test_what_a_prompt_asks_something_of_stands_below_it() -> None:
    named = {"prompt": "instruction", "prompt_input": "input", "completion": "output"}
    values: list[dict[str, object]] = [
        {"instruction": "Add.", "input": given, "output": "2"} for given in ("1+1", " ", None)
    ]
    values += [{"instruction": "Add.", "output": "2"}, {"instruction": " ", "input": "1+1", "output": "2"}]
    assert [row.prompt for row in _rows(*values, **named)] == ["Add.\n\n1+1", "Add.", "Add.", "Add.", "1+1"]
    assert [row.completion for row in _rows(*values, **named)] == ["2"] * 5
    with pytest.raises(DataError, match="row 0: no field 'input'"):  # of any of them
        _rows(values[3], values[3], **named)
    with pytest.raises(DataError, match="prompt_input stands below a prompt that is text"):
        _rows({"prompt": [{"role": "user", "content": "Add."}], "prompt_input": "1+1", "completion": "2"})
    records = [Record("row", one) for one in values]
    assert next(iter(data.read_prompts(records, Fields(data.FIELDS, named)))).prompt == "Add.\n\n1+1"
    assert [row.prompt for row in _rows({"prompt": "Add.", "input": "1+1", "completion": "2"})] == ["Add."]
    assert [row.prompt for row in _rows({"instruction": " ", "input": "1+1", "output": "2"}, **named)] == ["1+1"]


def test_texts_alone_are_completions() -> None:
    (row,) = _rows({"text": "Всё."})
    assert row.texts == ("", "Всё.")
    (row,) = _rows({"prompt": "1", "completion": "2", "content": "Всё."}, text="content")
    assert row.texts == ("", "Всё.")


def test_the_last_turn_of_the_assistant_is_the_completion() -> None:
    (row,) = _rows({"messages": _TURNS, "prompt": "what datasets repeat"})
    assert row.completion == "Четыре."
    assert row.messages == (Message("system", "Отвечай кратко."), Message("user", "Сколько будет два и два?"))
    assert row.prompt == "system:\nОтвечай кратко.\n\nuser:\nСколько будет два и два?\n\nassistant:\n"


@pytest.mark.parametrize(
    "values",
    [
        {"conversations": [{"from": "human", "value": "A?"}, {"from": "gpt", "value": "B."}]},
        {"prompt": [{"role": "user", "content": "A?"}], "completion": [{"role": "assistant", "content": "B."}]},
        {"prompt": [{"role": "user", "content": "A?"}], "completion": "B."},
        {"messages": json.dumps([{"role": "user", "content": "A?"}, {"role": "assistant", "content": "B."}])},
        {"messages": [{"role": "User", "content": [_part("A"), _part("?")]}, {"role": "model", "content": "B."}]},
        {"prompt": [{"role": "user", "content": [_part("A?")]}], "completion": [_turn("assistant", [_part("B.")])]},
        {"messages": [{"role": "user", "content": [{"type": "input_text", "text": "A?"}]}, _turn("gpt", "B.")]},
    ],
)
def test_other_ways_to_write_a_conversation(values: dict[str, Any]) -> None:
    (row,) = _rows(values)
    assert (row.messages, row.completion) == ((Message("user", "A?"),), "B.")


def test_a_completion_may_go_on_where_its_prompt_ends_with_the_system_or_an_answer() -> None:
    for cut in (1, 3):
        (row,) = _rows({"prompt": [*_TURNS, *_TURNS[1:]][:cut], "completion": [*_TURNS, *_TURNS[1:]][cut:]})
        assert [turn.role for turn in row.messages] == ["system", "user", "assistant", "user"]


def test_what_the_system_says_may_stand_beside_a_conversation_or_a_prompt() -> None:
    said, (_, user, answer) = "Отвечай кратко.", _TURNS
    for values in ({"system": said, "messages": [user, answer]}, {"system": said, "messages": _TURNS}):
        (row,) = _rows(values)
        assert row.messages == (Message("system", said), Message("user", user["content"]))
    assert _rows({"system": f"{said}\n", "messages": _TURNS})[0].messages[0] == Message("system", said)
    with pytest.raises(
        DataError, match=r"row 0: .* which stands before a prompt or a conversation, and here is a text as a whole"
    ):
        _rows({"text": "A.", "rules": said}, system="rules")
    with pytest.raises(DataError, match="row 0: the first turn is the system's, and the field system says something"):
        _rows({"system": "Sing.", "messages": _TURNS})
    named = {"system": "rules", "prompt_input": "input"}
    plain = {"prompt": "Add.", "input": "1+1", "completion": "2"}
    first, second = _rows({**plain, "rules": said}, plain, **named)
    assert (first.messages, first.completion) == ((Message("system", said), Message("user", "Add.\n\n1+1")), "2")
    assert (second.messages, second.prompt) == ((), "Add.\n\n1+1")
    with pytest.raises(DataError, match="row 0: no field 'rules'"):
        _rows(plain, **named)
    assert _rows({**plain, "system": "a planet's"})[0].messages == ()  # nobody has said that this is what it is
    records = [Record("row", {"rules": said, "prompt": "A?"})]
    (asked,) = data.read_prompts(records, Fields(data.FIELDS, {"system": "rules"}))
    assert (asked.messages, asked.completion) == ((Message("system", said), Message("user", "A?")), "")


@pytest.mark.parametrize(
    ("values", "fields", "found"),
    [
        (["a"], {}, "row 0: expected an object with prompt and completion, text, or messages, found"),
        ({"prompt": "A"}, {}, r"row 0: a prompt without a completion \(found: prompt\); `fields`"),
        ({"q": "A"}, {}, r"row 0: no prompt with a completion, text or messages \(found: q\); `fields`"),
        ({"prompt": "A", "text": "B"}, {}, "row 0: the completion of the prompt may be meant, or the text as a whole"),
        ({"completion": "A", "text": "B"}, {}, "name the field that counts"),
        ({"a": "A", "b": "B"}, {"text": "a", "completion": "b"}, "name the fields of one of these"),
        ({"prompt": "A", "completion": "B"}, {"completion": "answer"}, "row 0: no field 'answer'"),
        ({"prompt": "A", "completion": 3}, {}, "row 0: completion must be text, found 3"),
        ({"messages": "A"}, {}, "row 0: messages must be a list of objects with role and content, found 'A'"),
        ({"messages": [{"role": "user"}]}, {}, r"row 0: messages\[0\] must be an object with role and content"),
        ({"messages": [{"role": "tool", "content": ""}]}, {}, r"the role of messages\[0\] is 'tool'; expected one of"),
        (
            {"messages": [{"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}]},
            {},
            r"messages\[0\] calls a tool \(tool_calls\)",
        ),
        ({"messages": [_TURNS[1], _TURNS[0]]}, {}, r"messages\[1\] is the system's; only the first turn may be"),
        (
            {"messages": [{"role": "user", "content": None}]},
            {},
            r"the content of messages\[0\] must be text, found None",
        ),
        (
            {"messages": [_turn("user", [_part("A"), _part(None, "image_url", image_url={"url": "a.png"})])]},
            {},
            r"the content of messages\[0\] has a part of type 'image_url' \(number 1\), and models here read and write text alone",
        ),
        (
            {"messages": [_turn("user", ["A"])]},
            {},
            r"the content of messages\[0\] has the part 'A'; expected \{\"type\": ",
        ),
        ({"messages": [_turn("user", [_part(None)])]}, {}, r"has the part \{'type': 'text', 'text': None\}; expected"),
        ({"messages": "[A]"}, {}, r"messages must be a list of objects with role and content, found '\[A\]'"),
        (
            {"prompt": "A", "chosen": [_turn("user", "A"), _turn("assistant", "B")]},
            {"completion": "chosen"},
            r"chosen\[0\] is not the assistant's, and a prompt stands before it: .* as \{messages: chosen\}, in `fields`",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(values: Any, fields: dict[str, str], found: str) -> None:
    with pytest.raises(DataError, match=found):
        _rows(values, **fields)


@pytest.mark.parametrize(
    "values",
    [
        {"prompt": "A", "completion": ""},
        {"prompt": "A", "completion": None},
        {"prompt": "A", "completion": " \n"},
        {"text": float("nan")},
        {"messages": _TURNS[:2]},
    ],
)
def test_what_has_no_completion_is_left_out_and_noted(values: dict[str, Any]) -> None:
    notebook = Notebook(data.NOTES)
    (row,) = _rows(values)
    assert data.usable(row, notebook) is None
    assert notebook.notes()["blank"].ids == ("0",)


def test_records_written_back_are_read_again() -> None:
    rows = _rows({"prompt": "A", "completion": "B"}, {"text": "C"}, {"messages": _TURNS})
    assert _rows(*map(data.record_of, rows)) == rows
    assert len({tuple(row.content) for row in rows}) == 3


def test_files_of_all_formats(tmp_path: Path) -> None:
    records = [{"q": "A, b?", "a": '{"json": [1]}', "n": 1}, {"q": "Б\nв", "a": "Г", "n": 2}]
    table = pd.DataFrame(records)
    paths = [tmp_path / f"data.{ending}" for ending in ("jsonl", "csv", "parquet", "json")]
    paths[0].write_text("\n".join(json.dumps(record) for record in records), encoding="utf-8")
    table.to_csv(paths[1], index=False)
    table.to_parquet(paths[2])
    paths[3].write_text(json.dumps(records), encoding="utf-8")
    for path in paths:
        source = Files(path=str(path), fields={"prompt": "q", "completion": "a"})
        fields = Fields(data.FIELDS, source.fields)
        rows = list(data.read_rows(source.readers(SILENT, fields, {})["train"](), fields))
        assert [row.texts for row in rows] == [(one["q"], one["a"]) for one in records]


@pytest.mark.parametrize("form", ["list", "pandas", "datasets"])
def test_rows_of_python(form: str, tmp_path: Path) -> None:
    records = [{"messages": _TURNS, "n": 1}, {"messages": _TURNS[1:], "n": 2}]
    made: dict[str, Callable[[], Any]] = {
        "list": lambda: records,
        "pandas": lambda: pd.DataFrame(records),
        "datasets": lambda: datasets.Dataset.from_list(records),
    }
    source: Any = distil.as_source(made[form](), folder=tmp_path)
    fields = Fields(data.FIELDS)
    rows = list(data.read_rows(source.readers(SILENT, fields, {})["train"](), fields))
    assert [len(row.messages) for row in rows] == [2, 1]
    assert {row.completion for row in rows} == {"Четыре."}


def test_conversations_in_tables(tmp_path: Path) -> None:
    pd.DataFrame([{"messages": _TURNS}]).to_parquet(tmp_path / "data.parquet")
    pd.DataFrame([{"messages": json.dumps(_TURNS)}]).to_csv(tmp_path / "data.csv", index=False)
    for name in ("data.parquet", "data.csv"):
        source, fields = Files(path=str(tmp_path / name)), Fields(data.FIELDS)
        (row,) = data.read_rows(source.readers(SILENT, fields, {})["train"](), fields)
        assert (len(row.messages), row.completion) == (2, "Четыре.")
