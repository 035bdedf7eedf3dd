"""Signals on disk."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.errors import StoreError
from framework.signals.shards import SignalReader, as_stored, bytes_on_disk, write_shard
from framework.signals.span import Side, SpanSignal, keep_top, log_softmax, probabilities, temper_side
from framework.tasks.span_qa.example import QAExample


def example(number: int, length: int = 50) -> QAExample:
    return QAExample(f"question-{number}", "x" * length, "Где?", None)


def signal(seed: int, tokens: int = 40, length: int = 50) -> SpanSignal:
    random = np.random.default_rng(seed)

    def side() -> Side:
        logs = log_softmax(random.normal(size=tokens + 1) * 4)
        return Side(np.sort(random.choice(length, tokens, replace=False)), logs[:-1], float(logs[-1]))

    return SpanSignal(side(), side())


def test_a_round_trip_keeps_the_heaviest_in_half_precision(tmp_path: Path) -> None:
    signals = [signal(number, tokens=6 if number == 2 else 40) for number in range(5)]
    write_shard(tmp_path, 0, [example(number) for number in range(5)], signals, top_k=16)
    reader = SignalReader(tmp_path)
    assert len(reader) == 5
    for number, whole in enumerate(signals):
        found = reader.signal(example(number))
        for side, expected in ((found.start, keep_top(whole.start, 16)), (found.end, keep_top(whole.end, 16))):
            assert side.chars.tolist() == expected.chars.tolist()
            assert side.log_mass == pytest.approx(expected.log_mass, rel=1e-3)
            assert side.null == pytest.approx(expected.null, rel=1e-3)
            assert side.tail == pytest.approx(expected.tail, rel=1e-3)
            assert side.tail_size == expected.tail_size


@given(
    seed=st.integers(0, 2**32), tokens=st.integers(1, 40), top_k=st.integers(1, 50), low=st.sampled_from([1, 1e3, 1e6])
)
def test_a_signal_is_known_as_stored_before_it_is_stored(seed: int, tokens: int, top_k: int, low: float) -> None:
    whole = signal(seed, tokens)
    whole = SpanSignal(replace(whole.start, log_mass=whole.start.log_mass * low), whole.end)
    with tempfile.TemporaryDirectory() as folder:
        write_shard(Path(folder), 0, [example(0)], [whole], top_k)
        found, expected = SignalReader(Path(folder)).signal(example(0)), as_stored(whole, top_k)
        for side, other in ((found.start, expected.start), (found.end, expected.end)):
            assert side.chars.tolist() == other.chars.tolist()
            assert side.log_mass.tolist() == other.log_mass.tolist()
            assert (side.null, side.tail, side.tail_size) == (other.null, other.tail, other.tail_size)
            assert side.log_mass.dtype == other.log_mass.dtype
            assert side.chars.dtype == other.chars.dtype


def test_characters_beyond_16_bits_are_kept(tmp_path: Path) -> None:
    long = example(0, length=70_000)
    side = Side(np.asarray([69_999]), np.asarray([np.log(0.5)]), float(np.log(0.5)))
    write_shard(tmp_path, 0, [long], [SpanSignal(side, side)], top_k=2)
    assert SignalReader(tmp_path).signal(long).start.chars.tolist() == [69_999]


def test_a_thousand_questions_cost_at_most_160_bytes_each(tmp_path: Path) -> None:
    examples = [example(number) for number in range(1000)]
    write_shard(tmp_path, 0, examples, [signal(number) for number in range(1000)], top_k=16)
    assert bytes_on_disk(tmp_path) / 1000 <= 160


def test_another_text_and_another_question_are_not_mixed_up(tmp_path: Path) -> None:
    write_shard(tmp_path, 0, [example(0)], [signal(0)], top_k=4)
    reader = SignalReader(tmp_path)
    with pytest.raises(StoreError, match=r"about question 'question-1' in .* is missing"):
        reader.signal(example(1))
    with pytest.raises(StoreError, match="made for another text"):
        reader.signal(QAExample("question-0", "y" * 50, "Где?", None))


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    path = write_shard(tmp_path, 0, [example(0)], [signal(0)], top_k=4)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StoreError, match=rf"{path.name} is damaged"):
        SignalReader(tmp_path)


@given(place=st.integers(0), bit=st.integers(0, 7))
def test_a_bit_that_has_flipped_anywhere_is_found(place: int, bit: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write_shard(Path(folder), 0, [example(0)], [signal(0)], top_k=4)
        content = bytearray(path.read_bytes())
        content[place % len(content)] ^= 1 << bit
        path.write_bytes(content)
        with pytest.raises(StoreError, match="not those that were written"):
            SignalReader(Path(folder))


def test_a_shard_without_a_checksum_is_read(tmp_path: Path) -> None:
    path = write_shard(tmp_path, 0, [example(0)], [signal(0)], top_k=4)
    path.rename(tmp_path / "shard-00000.arrow")
    assert example(0) in SignalReader(tmp_path)


@pytest.mark.parametrize("length", [65_535, 65_536, 65_537])
def test_the_last_character_is_kept_where_its_number_outgrows_16_bits(tmp_path: Path, length: int) -> None:
    long = example(0, length=length)
    side = Side(np.asarray([0, length - 1]), np.log([0.25, 0.25]), float(np.log(0.5)))
    write_shard(tmp_path, 0, [long, example(1)], [SpanSignal(side, side), signal(1)], top_k=4)
    found = SignalReader(tmp_path).signal(long)
    assert found.start.chars.tolist() == found.end.chars.tolist() == [0, length - 1]


def test_a_tail_of_more_tokens_than_characters_is_counted(tmp_path: Path) -> None:
    """Byte-level tokens of rare letters are several a character."""
    long, tokens = example(0, length=40_000), 100_000
    logs = np.full(tokens + 1, -np.log(tokens + 1))
    side = Side(np.arange(tokens) * 2 // 5, logs[:-1], float(logs[-1]))
    write_shard(tmp_path, 0, [long], [SpanSignal(side, side)], top_k=4)
    assert SignalReader(tmp_path).signal(long).start.tail_size == tokens - 4


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("low", [-1e3, -1e5, -1e9, -np.inf])
def test_the_impossible_stays_impossible_at_every_temperature(tmp_path: Path, low: float) -> None:
    logs = log_softmax(np.asarray([3.0, low, 2.0, low, low]))
    side = Side(np.arange(4), logs[:-1], float(logs[-1]))
    for top_k in (1, 3, 4):
        (folder := tmp_path / str(top_k)).mkdir()
        write_shard(folder, 0, [example(0)], [SpanSignal(side, side)], top_k)
        stored = SignalReader(folder).signal(example(0)).start
        for temperature in (0.1, 1.0, 10.0):
            masses, null, tail = probabilities(temper_side(stored, temperature))
            assert masses.sum() + null + tail == pytest.approx(1, abs=1e-12)
            assert null == pytest.approx(0, abs=1e-6)
            if top_k > 1:
                expected = 1 / (1 + np.exp(-1 / temperature))
                assert masses[stored.chars == 0] == pytest.approx(expected, abs=2e-3)


def test_a_shard_cut_short_anywhere_is_damaged(tmp_path: Path) -> None:
    written = write_shard(tmp_path, 0, [example(0)], [signal(0)], top_k=4)
    path = written.rename(tmp_path / "shard-00000.arrow")  # without a checksum
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(StoreError, match="is damaged"):
            SignalReader(tmp_path)


@pytest.mark.parametrize("other", [{"question": [1]}, {"example": [1, None]}, {}])
def test_an_arrow_file_of_another_form_is_damaged(tmp_path: Path, other: dict[str, list[int | None]]) -> None:
    table = pa.table(other)
    with pa.OSFile(str(tmp_path / "shard-00000.arrow"), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(StoreError, match="is damaged"):
        SignalReader(tmp_path)


def test_ids_and_texts_may_hold_anything(tmp_path: Path) -> None:
    odd = [
        QAExample(id, context, "?", None)
        for id, context in (("", "a"), ("\ud800", "b\udfff"), ("a\0", "c"), ("a", "c"))
    ]
    signals = [signal(number, tokens=1, length=1) for number in range(4)]
    write_shard(tmp_path, 0, odd, signals, top_k=1)
    reader = SignalReader(tmp_path)
    for one, expected in zip(odd, signals, strict=True):
        assert reader.signal(one).start.null == pytest.approx(expected.start.null, rel=1e-3)
    with pytest.raises(StoreError, match="made for another text"):
        reader.signal(QAExample("a", "c", "??", None))
    with pytest.raises(StoreError, match="made for another text"):
        reader.signal(QAExample("a", "", "c\0?", None))
