from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from distil.framework.data import arrow_tables
from distil.framework.data.records import Asked, Fields
from distil.framework.errors import DataError
from tests.questions import STANDARD, fields, read_arrow, read_parquet

ROWS: list[dict[str, Any]] = [
    {"id": str(i), "context": f"Кот {i} спит.", "question": "Кто?", "answers": {"text": ["Кот"], "answer_start": [0]}}
    for i in range(600)
]


def parquet(path: Path, table: pa.Table, **options: Any) -> Path:
    pq.write_table(table, path, **options)
    return path


def arrow(path: Path, table: pa.Table) -> Path:
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)
    return path


def test_rows_of_many_batches_keep_their_numbers(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(ROWS)
    parts = (
        read_parquet(parquet(tmp_path / "a.parquet", table, row_group_size=250), STANDARD),
        read_arrow(arrow(tmp_path / "a.arrow", table), STANDARD),
    )
    for rows in parts:
        assert [row.id for row in rows] == [row["id"] for row in ROWS]
        assert rows[599].place.endswith(": row[599]")


def test_pandas_ways_to_write_numbers_and_categories(tmp_path: Path) -> None:
    columns = {
        "id": pa.array(["a", "b"]),
        "context": pa.array(["Кот спит.", "Кот спит."]).dictionary_encode(),
        "question": pa.array(["Кто?", "Где?"]),
        "answers": pa.array(["Кот", None]),
        "answer_start": pa.array([0.0, float("nan")]),
        "is_impossible": pa.array([0.0, 1.0]),
    }
    for rows in (
        read_parquet(parquet(tmp_path / "a.parquet", pa.table(columns)), STANDARD),
        read_arrow(arrow(tmp_path / "a.arrow", pa.table(columns)), STANDARD),
    ):
        assert [(row.context, row.answers, row.impossible) for row in rows] == [
            ("Кот спит.", (("Кот", 0),), False),
            ("Кот спит.", None, True),
        ]


def test_decimal_numbers_are_numbers(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", pa.table({"text": ["a"], "value": pa.array([Decimal("2.50")])}))
    (record,) = arrow_tables.read_parquet(path, Fields((Asked("text"), Asked("value"))))
    assert record.values == {"text": "a", "value": 2.5}
    ids = [Decimal(2**60), Decimal(2**60 + 1), None]  # as databases export them, which no floating number tells apart
    path = parquet(tmp_path / "ids.parquet", pa.table({"id": pa.array(ids, pa.decimal128(38, 0))}))
    rows = arrow_tables.read_parquet(path, Fields((Asked("id"),)))
    assert [row.values for row in rows] == [{"id": 2**60}, {"id": 2**60 + 1}, {"id": None}]


def test_decimal_numbers_in_lists_and_objects_are_those_that_single_ones_are(tmp_path: Path) -> None:
    values: list[Any] = [Decimal("0.30"), Decimal("1.00"), None]
    columns = {
        "one": pa.array(values, pa.decimal128(10, 2)),
        "listed": pa.array([values, None, []], pa.list_(pa.decimal128(10, 2))),
        "whole": pa.array([[Decimal(2**60 + 1)]] * 3, pa.large_list(pa.decimal128(38, 0))),
        "inside": pa.array([{"a": [{"b": one}]} for one in values]),
    }
    path = parquet(tmp_path / "a.parquet", pa.table(columns))
    rows = list(arrow_tables.read_parquet(path, Fields(tuple(map(Asked, columns)))))
    assert [row.values["one"] for row in rows] == rows[0].values["listed"] == [0.3, 1.0, None]  # as in CSV and JSON
    assert [row.values["inside"] for row in rows] == [{"a": [{"b": one}]} for one in (0.3, 1.0, None)]
    assert [row.values["whole"] for row in rows] == [[2**60 + 1]] * 3


def test_structs_of_lists_and_lists_of_structs(tmp_path: Path) -> None:
    rows = [{**row, "gold": {"spans": [{"text": "Кот", "answer_start": 0}]}} for row in ROWS[:1]]
    path = parquet(tmp_path / "a.parquet", pa.Table.from_pylist(rows))
    assert read_parquet(path, fields(answers="gold.spans"))[0].answers == (("Кот", 0),)


def test_dates_out_of_range_as_ids(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(ROWS[:1]).set_column(0, "id", pa.array([2**62], pa.timestamp("us")))
    with pytest.raises(DataError, match=r"a.parquet: the column 'id' holds a value that cannot be read: "):
        read_parquet(parquet(tmp_path / "a.parquet", table), STANDARD)
    with pytest.raises(DataError, match=r"a.arrow: the column 'id' holds a value that cannot be read: "):
        read_arrow(arrow(tmp_path / "a.arrow", table), STANDARD)


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(ROWS[:1])
    twice = table.append_column("context", table["context"])
    for read, path in (
        (read_parquet, parquet(tmp_path / "a.parquet", twice)),
        (read_arrow, arrow(tmp_path / "a.arrow", twice)),
    ):
        with pytest.raises(DataError, match="two columns are called 'context'"):
            read(path, STANDARD)


@pytest.mark.parametrize("dictionary", [True, False])
def test_what_unpacks_to_more_than_there_is_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dictionary: bool
) -> None:
    """One text of 0.5 MB, 100 times: in the file it stands once, or packed."""
    rows = [{**row, "context": "Кот. " * 60_000} for row in ROWS[:100]]
    path = parquet(tmp_path / "a.parquet", pa.Table.from_pylist(rows), use_dictionary=dictionary, compression="zstd")
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=100 << 20))
    with pytest.raises(DataError, match=r"a.parquet: too large: .* takes more than 0.0 GiB"):
        read_parquet(path, STANDARD)
    others = pa.Table.from_pylist([{**row, "extra": "Кот. " * 60_000} for row in ROWS[:100]])
    assert len(read_parquet(parquet(tmp_path / "b.parquet", others), STANDARD)) == 100


def test_a_damaged_arrow_file_leads_nowhere(tmp_path: Path) -> None:
    table = pa.table({"id": ["a"], "context": ["Кот спит." * 37], "question": ["Кто?"], "answers": ["Кот"]})
    content = arrow(tmp_path / "a.arrow", table).read_bytes()
    offsets = pa.array(["Кот спит." * 37]).buffers()[1].to_pybytes()[:8]  # where the text begins and ends
    before, found, after = content.rpartition(offsets)
    assert found
    (tmp_path / "a.arrow").write_bytes(before + offsets[:4] + (2**31 - 9).to_bytes(4, "little") + after)
    with pytest.raises(DataError, match=r"a.arrow: not a readable Arrow file: "):
        read_arrow(tmp_path / "a.arrow", STANDARD)
    (tmp_path / "a.arrow").write_bytes(content.replace(b"question", b"quest\xffon"))
    with pytest.raises(DataError, match=r"a.arrow: not a readable Arrow file: "):
        read_arrow(tmp_path / "a.arrow", STANDARD)
