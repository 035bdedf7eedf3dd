import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from framework.data.local_files import read_file
from framework.errors import DataError

ROWS: list[dict[str, Any]] = [
    {
        "id": i,
        "title": "Кот",
        # A line separator inside a text ends no line of a file.
        "context": f"\ufeffКот {i}\u2028спит.",
        "question": "Кто спит?",
        "answers": {"text": ["Кот"], "answer_start": [1]},
    }
    for i in range(3)
]


def as_squad(rows: list[dict[str, Any]]) -> dict[str, Any]:
    paragraphs = [
        {
            "context": row["context"],
            "qas": [{"id": row["id"], "question": row["question"], "answers": [{"text": "Кот", "answer_start": 1}]}],
        }
        for row in rows
    ]
    return {"version": "1.1", "data": [{"title": "Кот", "paragraphs": paragraphs}]}


def write(path: Path) -> Path:
    if path.suffix == ".parquet":
        table = pa.Table.from_pylist(ROWS)
        pq.write_table(table.set_column(0, "id", table["id"].cast(pa.int32())), path)
    elif path.suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS) + "\n\n", encoding="utf-8")
    else:
        value = ROWS if path.stem == "rows" else as_squad(ROWS)
        path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8-sig")
    return path


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl", "rows.json", "squad.json"])
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    rows = read_file(write(tmp_path / name))
    assert [(r.id, r.context, r.question, r.answers) for r in rows] == [
        (str(row["id"]), row["context"], "Кто спит?", (("Кот", 1),)) for row in ROWS
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "unknown kind of file; expected one of .parquet, .jsonl, .json"),
        ("a.json", b'{"data": [', "ends too early"),
        ("a.json", b"", "ends too early"),
        ("a.json", b'{"id": 1}\n{"id": 2}\n', "call the file .jsonl"),
        ("a.json", b'{"articles": []}', "found an object with the keys articles"),
        ("a.json", b"3", "found int"),
        ("a.json", b"[" * 100_000, "not usable JSON"),
        ("a.json", '[\n\n"Кот"]'.encode("cp1251"), "line 3 is not UTF-8"),
        ("a.jsonl", b'{"id": 1\n', "line 1: not JSON"),
        ("a.jsonl", b"\n[]\n", "line 2: expected an object"),
        ("a.parquet", b"PAR1 and nothing more", "not a readable parquet file"),
        ("a.parquet", b"", "not a readable parquet file"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_file(path)
    assert str(path) in str(caught.value)


def test_a_truncated_parquet_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match="not a readable parquet file"):
        read_file(path)


def test_a_parquet_file_without_a_column(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["a"], "text": ["b"]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"no column 'context' \(found: id, text\)"):
        read_file(tmp_path / "a.parquet")


def test_a_parquet_column_of_another_type(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(ROWS)
    pq.write_table(table.set_column(2, "context", pa.array([1, 2, 3])), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a\.parquet: row\[0\]: context must be text, found 1"):
        read_file(tmp_path / "a.parquet")


def test_a_parquet_text_that_is_not_utf8(tmp_path: Path) -> None:
    texts = pa.Array.from_buffers(pa.utf8(), 1, pa.array([b"\xca\xee\xf2"]).buffers())
    table = pa.Table.from_pylist(ROWS[:1])
    pq.write_table(table.set_column(2, "context", texts), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="not UTF-8"):
        read_file(tmp_path / "a.parquet")


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_file(tmp_path / "none.json")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(DataError, match="is a folder"):
        read_file(tmp_path / "folder.json")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be read"):
        read_file(tmp_path / "file" / "a.json")
