"""Signals on disk."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distil.framework.errors import StoreError
from distil.framework.manifest import checksum
from distil.framework.signals.algebra import NULL, Signals, concat, keep_top, temper
from distil.framework.signals.shards import SignalReader, as_stored, bytes_on_disk, row_key, write_shard
from distil.framework.tasks.span_qa.data import QAExample
from tests.framework.signals.made_up import assert_same, drawn, entries, signals_of


def example(number: int, length: int = 50) -> QAExample:
    return QAExample(f"question-{number}", "x" * length, "Где?", None)


def signal(seed: int, tokens: int = 40, length: int = 50) -> Signals:
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(2):
        chars = np.sort(random.choice(length, tokens, replace=False)).tolist()
        rows.append(list(zip([NULL, *chars], (random.normal(size=tokens + 1) * 4).tolist(), strict=True)))
    return signals_of(*rows)


def write(folder: Path, examples: Sequence[QAExample], signals: Sequence[Signals], top_k: int) -> Path:
    return write_shard(folder, 0, [row_key(one) for one in examples], as_stored(concat(signals), top_k))


def test_a_round_trip_keeps_the_heaviest_in_half_precision(tmp_path: Path) -> None:
    signals = [signal(number, tokens=6 if number == 2 else 40) for number in range(5)]
    examples = [example(number) for number in range(5)]
    write(tmp_path, examples, signals, top_k=16)
    reader = SignalReader(tmp_path)
    assert len(reader) == 5
    found, expected = reader.signals(examples), keep_top(concat(signals), 16)
    for name in ("heads", "rows", "keys", "tail_size"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist()
    assert found.log_p == pytest.approx(expected.log_p, rel=1e-3)
    assert found.tail == pytest.approx(expected.tail, rel=1e-3)


@given(drawn(st.integers(1, 5)), st.integers(1, 12), st.lists(st.integers(0, 4), max_size=7))
def test_signals_are_known_as_stored_before_they_are_stored(whole: Signals, top_k: int, asked: list[int]) -> None:
    examples, stored = [example(number) for number in range(len(whole))], as_stored(whole, top_k)
    chosen = np.asarray([number % len(whole) for number in asked], np.int64)
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), examples, [whole], top_k)
        found = SignalReader(Path(folder)).signals([examples[number] for number in chosen])
        assert_same(found, stored.take(chosen))
        assert_same(as_stored(stored, top_k), stored)


def test_signals_of_several_files_come_in_the_order_of_the_question(tmp_path: Path) -> None:
    examples = [example(number) for number in range(9)]
    signals = as_stored(concat([signal(number) for number in range(9)]), 4)
    for number in range(3):
        rows = np.arange(3 * number, 3 * number + 3)
        write_shard(tmp_path, number, [row_key(examples[row]) for row in rows], signals.take(rows))
    order = np.asarray([7, 0, 4, 4, 1, 8, 2])
    assert_same(SignalReader(tmp_path).signals([examples[number] for number in order]), signals.take(order))


def test_heads_may_be_as_many_as_the_task_has(tmp_path: Path) -> None:
    signals = signals_of(*([(0, 0.0), (1, float(head))] for head in range(4)), heads=1)
    several = Signals(
        np.asarray([0, 0, 3, 4]), signals.rows, signals.keys, signals.log_p, signals.tail, signals.tail_size
    )
    examples = [example(number) for number in range(3)]
    write_shard(tmp_path, 0, [row_key(one) for one in examples], as_stored(several, 1))
    assert_same(SignalReader(tmp_path).signals(examples[::-1]), as_stored(several, 1).take(np.asarray([2, 1, 0])))


@pytest.mark.parametrize("last", [65_534, 65_535, 65_536, 69_999])
def test_characters_beyond_16_bits_are_kept(tmp_path: Path, last: int) -> None:
    signals = [signals_of(*[[(NULL, 0.0), (0, -1.0), (last, -1.0)]] * 2), signal(1)]
    write(tmp_path, [example(0), example(1)], signals, top_k=4)
    assert [key for key, _ in entries(SignalReader(tmp_path).signals([example(0)]), 1)] == [NULL, 0, last]


def test_a_thousand_questions_cost_at_most_176_bytes_each(tmp_path: Path) -> None:
    examples = [example(number) for number in range(1000)]
    write(tmp_path, examples, [signal(number) for number in range(1000)], top_k=16)
    assert bytes_on_disk(tmp_path) / 1000 <= 176


def test_another_text_and_another_question_are_not_mixed_up(tmp_path: Path) -> None:
    write(tmp_path, [example(0)], [signal(0)], top_k=4)
    reader = SignalReader(tmp_path)
    with pytest.raises(StoreError, match=r"about question 'question-1' in .* is missing"):
        reader.signals([example(1)])
    with pytest.raises(StoreError, match="made for another text"):
        reader.signals([QAExample("question-0", "y" * 50, "Где?", None)])


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, [example(0)], [signal(0)], top_k=4)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StoreError, match=rf"{path.name} is damaged"):
        SignalReader(tmp_path)


@given(place=st.integers(0), bit=st.integers(0, 7))
def test_a_bit_that_has_flipped_anywhere_is_found(place: int, bit: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), [example(0)], [signal(0)], top_k=4)
        content = bytearray(path.read_bytes())
        content[place % len(content)] ^= 1 << bit
        path.write_bytes(content)
        with pytest.raises(StoreError, match="not those that were written"):
            SignalReader(Path(folder))


def test_a_tail_of_more_tokens_than_characters_is_counted(tmp_path: Path) -> None:
    """Byte-level tokens of rare letters are several a character."""
    tokens = 100_000
    row = [(NULL, 0.0), *((place * 2 // 5, 0.0) for place in range(tokens))]
    write(tmp_path, [example(0)], [signals_of(row, row)], top_k=4)
    assert SignalReader(tmp_path).signals([example(0)]).tail_size.tolist() == [tokens - 4] * 2


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("low", [-1e3, -1e5, -1e9, -np.inf])
def test_the_impossible_stays_impossible_at_every_temperature(tmp_path: Path, low: float) -> None:
    row = list(zip([0, 1, 2, 3, NULL], [3.0, low, 2.0, low, low], strict=True))
    for top_k in (1, 3, 4):
        (folder := tmp_path / str(top_k)).mkdir()
        write(folder, [example(0)], [signals_of(row, row)], top_k)
        stored = SignalReader(folder).signals([example(0)])
        for temperature in (0.1, 1.0, 10.0):
            tempered = temper(stored, temperature)
            found = dict(entries(tempered, 0))
            assert sum(found.values()) + np.exp(tempered.tail[0]) == pytest.approx(1, abs=1e-6)
            assert found[NULL] == pytest.approx(0, abs=1e-6)
            if top_k > 1:
                assert found[0] == pytest.approx(1 / (1 + np.exp(-1 / temperature)), abs=2e-3)


def _with_its_checksum(path: Path) -> Path:
    """The file under the name that its bytes demand."""
    return path.rename(path.with_name(f"shard-00000-{checksum(path):08x}.arrow"))


def test_a_shard_cut_short_anywhere_is_damaged(tmp_path: Path) -> None:
    path = write(tmp_path, [example(0)], [signal(0)], top_k=4)
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        path = _with_its_checksum(path)
        with pytest.raises(StoreError, match="is damaged"):
            SignalReader(tmp_path)


@pytest.mark.parametrize("other", [{"question": [1]}, {"example": [1, None]}, {}])
def test_an_arrow_file_of_another_form_is_damaged(tmp_path: Path, other: dict[str, list[int | None]]) -> None:
    table = pa.table(other)
    path = tmp_path / "written"
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    _with_its_checksum(path)
    with pytest.raises(StoreError, match="is damaged"):
        SignalReader(tmp_path)


def test_ids_and_texts_may_hold_anything(tmp_path: Path) -> None:
    odd = [
        QAExample(id, context, "?", None)
        for id, context in (("", "a"), ("\ud800", "b\udfff"), ("a\0", "c"), ("a", "c"))
    ]
    signals = [signal(number, tokens=1, length=1) for number in range(4)]
    write(tmp_path, odd, signals, top_k=1)
    reader = SignalReader(tmp_path)
    assert_same(reader.signals(odd), as_stored(concat(signals), 1))
    for unknown in (QAExample("a", "c", "??", None), QAExample("a", "", "c\0?", None)):
        with pytest.raises(StoreError, match="made for another text"):
            reader.signals([odd[0], unknown])
