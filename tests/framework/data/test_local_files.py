import csv
import gzip
import io
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, DatasetDict

from distil.framework.data import local_files
from distil.framework.data.local_files import Files
from distil.framework.data.records import Asked, Fields
from distil.framework.errors import DataError
from tests.questions import STANDARD, fields, read_csv, read_file, readers

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


def read(folder: Path, text: str, name: str = "a.csv", fields: Fields = STANDARD) -> list[Any]:
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return read_csv(folder / name, fields)


def test_line_ends_delimiters_and_quotes_inside_of_texts(tmp_path: Path) -> None:
    text = 'title,id,context,question,answers\r\n"a;b;c;d;e",1,"Кот, ""Мурзик"",\nспит.\u2028","Кто\tспит?",Кот\r\n\r\n'
    (row,) = read(tmp_path, text)
    assert (row.context, row.question, row.answers) == ('Кот, "Мурзик",\nспит.\u2028', "Кто\tспит?", (("Кот", None),))
    assert row.place.endswith("a.csv: line 3")


@pytest.mark.parametrize(
    ("cell", "answers"),
    [
        ('{"text": ["Кот"], "answer_start": [0]}', (("Кот", 0),)),
        ("{'text': ['Кот'], 'answer_start': [0]}", (("Кот", 0),)),
        ("{'text': array(['Кот'], dtype=object), 'answer_start': array([0], dtype=int32)}", (("Кот", 0),)),
        ("{'text': array([], dtype=object), 'answer_start': array([], dtype=int32)}", ()),
        ('[{"start": 0, "end": 3, "text": "Кот", "labels": ["Answer"]}]', (("Кот", 0),)),
        ("['Кот', 'кот']", (("Кот", None), ("кот", None))),
        ("[Кот]", (("[Кот]", None),)),
        ("{__import__('os').getcwd()}", (("{__import__('os').getcwd()}", None),)),
        ("", (("", None),)),
    ],
)
def test_answers_in_a_cell(tmp_path: Path, cell: str, answers: Any) -> None:
    (row,) = read(tmp_path, f"id\tcontext\tquestion\tanswers\n1\t[Кот] спит.\tКто?\t{cell}\n", "a.tsv")
    assert (row.context, row.answers) == ("[Кот] спит.", answers)


def test_an_impossible_question_and_other_names(tmp_path: Path) -> None:
    text = "n,passage,query,answer_text,answer_begin,none\n1,Кот спит.,Кто?,Кот,0,False\n2,Кот спит.,Где?,,,True\n"
    names = {"id": "n", "context": "passage", "question": "query", "answers": "answer_text", "start": "answer_begin"}
    first, second = read(tmp_path, text, fields=fields(**names, is_impossible="none"))
    assert (first.answers, first.impossible) == ((("Кот", 0),), False)
    assert (second.answers, second.impossible) == ((("", None),), True)


def test_a_long_text(tmp_path: Path) -> None:
    (row,) = read(tmp_path, f"id,context,question,answers\n1,{'Кот. ' * 50_000},Кто?,Кот\n")
    assert len(row.context) == 250_000


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,Кот, который спит,Кто?,Кот", "line 2: 5 cells under 4 columns; quote texts that hold ','"),
        ("1,Кот", "line 2: 2 cells under 4 columns"),
        ('1,"Кот" спит,Кто?,Кот', "line 2: not legal CSV"),
        ('1,"Кот спит,Кто?,Кот', "line 2: not legal CSV"),
    ],
)
def test_a_line_that_does_not_fit_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, f"id,context,question,answers\n{line}\n")


def as_squad(rows: list[dict[str, Any]]) -> dict[str, Any]:
    paragraphs = [
        {
            "context": row["context"],
            "qas": [{"id": row["id"], "question": row["question"], "answers": [{"text": "Кот", "answer_start": 1}]}],
        }
        for row in rows
    ]
    return {"version": "1.1", "data": [{"title": "Кот", "paragraphs": paragraphs}]}


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    table = pa.Table.from_pylist(rows)
    return table.set_column(0, "id", table["id"].cast(pa.int32()))


def flat(answers: Any) -> list[dict[str, Any]]:
    return [{**row, "answers": answers} for row in ROWS]


def text_table(delimiter: str, answers: str, **more: str) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, [*ROWS[0], *more], delimiter=delimiter)
    writer.writeheader()
    writer.writerows({**row, **more} for row in flat(answers))
    return out.getvalue().encode("utf-8-sig")


def written(name: str) -> bytes:
    """A file with ROWS in the format that its name says."""
    if name.endswith(".gz"):
        return gzip.compress(written(name.removesuffix(".gz")), mtime=0)
    stem, _, extension = name.partition(".")
    if extension in ("parquet", "arrow"):
        sink = io.BytesIO()
        if extension == "parquet":
            pq.write_table(table_of(ROWS), sink)
        else:
            open_it = pa.ipc.new_stream if stem == "stream" else pa.ipc.new_file
            with open_it(sink, table_of(ROWS).schema) as writer:
                writer.write_table(table_of(ROWS))
        return sink.getvalue()
    if extension in ("csv", "tsv"):
        delimiter = {"tsv": "\t", "csv": ";" if stem == "semicolons" else ","}[extension]
        cell = "{'text': array(['Кот'], dtype=object), 'answer_start': array([1])}"
        return text_table(delimiter, "Кот", answer_start="1.0") if stem == "starts" else text_table(delimiter, cell)
    if extension in ("jsonl", "ndjson"):
        return ("\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS) + "\n\n").encode()
    value = {"rows": ROWS, "flat": {"version": 1, "data": ROWS}, "squad": as_squad(ROWS)}[stem]
    return json.dumps(value, ensure_ascii=False).encode("utf-8-sig")


def write(path: Path) -> Path:
    path.write_bytes(written(path.name))
    return path


PLAIN = ["a.parquet", "a.jsonl", "a.ndjson", "rows.json", "flat.json", "squad.json"]
PLAIN += ["a.arrow", "stream.arrow", "starts.csv", "structs.csv", "semicolons.csv", "starts.tsv", "structs.tsv"]


@pytest.mark.parametrize("name", PLAIN + [f"{name}.gz" for name in PLAIN])
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    rows = read_file(write(tmp_path / name))
    assert [(r.id, r.context, r.question, r.answers) for r in rows] == [
        (str(row["id"]), row["context"], "Кто спит?", (("Кот", 1),)) for row in ROWS
    ]


@pytest.mark.parametrize("name", PLAIN)
def test_other_names_in_every_format(tmp_path: Path, name: str) -> None:
    content = written(name)
    if "parquet" in name or "arrow" in name:
        assert name in ("a.parquet", "a.arrow", "stream.arrow")
        sink = io.BytesIO()
        names = ["id", "title", "context", "query", "answers"]
        pq.write_table(table_of(ROWS).rename_columns(names), sink)
        content, name = sink.getvalue(), "a.parquet"
    else:
        content = content.replace(b'"question"', b'"query"').replace(b"question", b"query", 1)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=r"no (field|column) 'question' .*query"):
        read_file(tmp_path / name)
    assert [row.id for row in read_file(tmp_path / name, fields(question="query"))] == ["0", "1", "2"]


def test_a_saved_dataset_and_a_dict_of_them(tmp_path: Path) -> None:
    dataset = Dataset.from_list(ROWS)
    dataset.save_to_disk(tmp_path / "one", num_shards=2)
    DatasetDict({"train": dataset, "dev": dataset.select([2])}).save_to_disk(tmp_path / "several")
    assert [row.id for row in read_file(tmp_path / "one")] == ["0", "1", "2"]
    found = readers(Files(path=str(tmp_path / "several")))
    assert {name: [row.id for row in reader()] for name, reader in found.items()} == {
        "train": ["0", "1", "2"],
        "dev": ["2"],
    }
    named = readers(Files(path={"a": str(tmp_path / "one"), "b": str(tmp_path / "several" / "dev")}))
    assert {name: len(reader()) for name, reader in named.items()} == {"a": 3, "b": 1}
    with pytest.raises(DataError, match="holds several splits: train, dev; name the folder of one of them"):
        readers(Files(path={"a": str(tmp_path / "several")}))["a"]()
    next((tmp_path / "one").glob("*-00001-*.arrow")).unlink()
    with pytest.raises(DataError, match=r"one.data-00001-of-00002.arrow: no such file"):
        read_file(tmp_path / "one")


@pytest.mark.parametrize("content", ['{"splits": 5}', '{"splits": ["../secret"]}'])
def test_a_dict_of_saved_datasets_names_folders_of_its_own(tmp_path: Path, content: str) -> None:
    (tmp_path / "dataset_dict.json").write_text(content)
    with pytest.raises(DataError, match=r"dataset_dict.json: expected the names of splits"):
        readers(Files(path=str(tmp_path)))


@pytest.mark.parametrize("names", [["../secret.arrow"], [".."], [""], [], None])
def test_a_saved_dataset_names_files_of_its_own(tmp_path: Path, names: Any) -> None:
    (tmp_path / "saved").mkdir()
    write(tmp_path / "secret.arrow")
    state = {"_data_files": names and [{"filename": name} for name in names]}
    (tmp_path / "saved" / "state.json").write_text(json.dumps(state))
    with pytest.raises(DataError, match=r"state.json: expected the names of the dataset's files"):
        read_file(tmp_path / "saved")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xlsx", b"", "a.xlsx is a spreadsheet; save its sheet as a .csv"),
        ("a.docx", b"", "unknown kind of file; expected one of .parquet, .arrow, .jsonl, .*with .gz, .*.zst after it"),
        ("a.gz", b"", "unknown kind of file"),
        ("a.csv", b"", r"no column 'context' \(found: none\)"),
        ("a.json", b'{"data": [{"id": 1, "id": 2}]}', "an object has the key 'id' twice"),
        ("a.jsonl", b'{"id": 1, "id": 2}', "line 1: not usable JSON: an object has the key 'id' twice"),
        ("a.json.gz", b"[]", "not a whole .gz file: Not a gzipped file"),
        ("a.json.gz", gzip.compress(b"[" * 1000, mtime=0)[:-9], "not a whole .gz file: .*ended before"),
        ("a.arrow", b"ARROW1 and nothing more", "not a readable Arrow file"),
        ("a.arrow", b"", "not a readable Arrow file"),
        ("a.json", b'{"data": [', "ends too early"),
        ("a.json", b"", "ends too early"),
        ("a.json", b'{\n"id": 1}\n{\n"id": 2}\n', "write each object on a line of its own, or all of them as one list"),
        ("a.json", b'{"columns": ["id"], "index": [0], "data": [[1]]}', "holds columns instead of rows"),
        ("a.json", b'{"articles": []}', r"no field 'context' \(found: articles\)"),
        ("a.json", b'{"a": {"0": 1}, "b": {"0": 2}}', r"holds columns instead of rows: .*orient='records'"),
        ("a.json", b'{"train": [{"id": 1}], "test": [{"id": 2}]}', r"several lists of records \(train, test\)"),
        ("a.csv", b'context,question,answers\n"a "b" c",d,e\n', "line 2: not legal CSV.*is written twice"),
        ("a.csv", b"\xff\xfea", "is not UTF-16"),
        ("a.json", b"3", "expected an object with context, .* found 3"),
        ("a.json", b"[" * 100_000, "not usable JSON"),
        ("a.json", '[\n\n"Кот"]'.encode("cp1251"), "line 3 is not UTF-8"),
        ("a.jsonl", b'{"id": 1\n', "line 1: not JSON"),
        ("a.jsonl", b"\n3\n", "line 2: expected an object"),
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


def test_json_is_one_list_or_has_lines_whatever_it_is_called(tmp_path: Path) -> None:
    lines, whole = written("a.jsonl"), written("rows.json")
    for name, content in (("a.json", lines), ("a.jsonl", whole), ("b.jsonl", json.dumps(ROWS, indent=1).encode())):
        (tmp_path / name).write_bytes(content)
        assert [row.id for row in read_file(tmp_path / name)] == ["0", "1", "2"]


def test_beside_the_items_in_data_other_lists_may_stand(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for more in ({"columns": ["id"]}, {"templates": [{"name": "a"}]}):
        path.write_text(json.dumps({"data": ROWS, **more}))
        assert [row.id for row in read_file(path)] == ["0", "1", "2"]


def _cells(path: Path, *names: str) -> list[list[object]]:
    asked = Fields(tuple(Asked(name, structured=True) for name in names))
    return [list(record.values.values()) for record in local_files.read_csv(path, asked)]


def test_quotation_marks_that_quote_nothing_stand_in_a_tsv(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    for rows in (['"Great" film', '5" disk'], ['"never closed', "b"], ['"two\trows', 'in one"']):
        width = max(row.count("\t") for row in rows) + 1
        names = ["text", "label", "more"][: width + 1]
        cells = [[*row.split("\t"), *["x"] * (width - row.count("\t") - 1), "0"] for row in rows]
        path.write_text("\n".join(map("\t".join, [names, *cells])))
        assert _cells(path, *names) == cells
    path.write_text('text\tlabel\n"Great ""film"""\t0\n"two\nlines"\t1\n"a\ttab"\t0\n')
    assert _cells(path, "text", "label") == [['Great "film"', "0"], ["two\nlines", "1"], ["a\ttab", "0"]]
    path.write_text('text\tlabel\n"Great" film\t0\nb\n')
    with pytest.raises(DataError, match="line 2: not legal CSV"):
        _cells(path, "text", "label")


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("['x' 'y']", ["x", "y"]),
        ("['it\\'s'\n \"a, b\"]", ["it's", "a, b"]),
        ("[1 2 3]", [1, 2, 3]),
        ("[-1 -100. 2]", [-1, -100.0, 2]),
        ("[{'a': 1} {'a': array(['b' 'c'], dtype=object)}]", [{"a": 1}, {"a": ["b", "c"]}]),
        ("['x', 'y']", ["x", "y"]),
        ("[laughs] it's [sighs]", "[laughs] it's [sighs]"),
        ("['x' y]", "['x' y]"),
    ],
)
def test_lists_as_numpy_shows_them(tmp_path: Path, cell: str, value: object) -> None:
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["labels"], [cell]])
    assert _cells(tmp_path / "a.csv", "labels") == [[value]]


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
    with pytest.raises(DataError, match="cannot be read: File name too long"):
        read_file(Path("x" * 300 + ".json"))
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "device.csv").symlink_to("/dev/zero")
    for name in ("pipe.jsonl", "device.csv"):
        with pytest.raises(DataError, match="is a pipe or a device"):
            read_file(tmp_path / name)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be read"):
        read_file(tmp_path / "file" / "a.json")


@pytest.mark.parametrize(
    ("head", "delimiter", "encoding"),
    [
        ("sep=;\r\n", ";", "utf-8-sig"),
        ("SEP=\t\n", "\t", "utf-8"),
        ("\n", "|", "utf-8"),
        ("", "\t", "utf-16"),
        ("", ",", "utf-16"),
    ],
)
def test_tables_as_spreadsheets_save_them(head: str, delimiter: str, encoding: str, tmp_path: Path) -> None:
    rows = [["context", "question", "answer"], ["Кот; спит, | тут", "Кто?", "Кот"], ["Дом", "Что?", "Дом"]]
    lines = (delimiter.join(f'"{cell}"' for cell in row) for row in rows)
    (tmp_path / "a.csv").write_bytes((head + "\n".join(lines)).encode(encoding))
    found = read_csv(tmp_path / "a.csv")
    assert [(row.context, row.question, row.answers) for row in found] == [
        ("Кот; спит, | тут", "Кто?", (("Кот", None),)),
        ("Дом", "Что?", (("Дом", None),)),
    ]
