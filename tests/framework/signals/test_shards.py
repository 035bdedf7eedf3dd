"""Signals on disk."""

from pathlib import Path

import numpy as np
import pytest

from framework.data.example import Example
from framework.errors import StoreError
from framework.progress import SILENT
from framework.signals.collect import collect
from framework.signals.section import Signals
from framework.signals.shards import SignalReader, bytes_on_disk, write_shard
from framework.signals.span import Side, SpanSignal, keep_top, log_softmax


def example(number: int, length: int = 50) -> Example:
    return Example(f"question-{number}", "x" * length, "Где?", None)


def signal(seed: int, tokens: int = 40, length: int = 50) -> SpanSignal:
    random = np.random.default_rng(seed)

    def side() -> Side:
        logs = log_softmax(random.normal(size=tokens + 1) * 4)
        return Side(np.sort(random.choice(length, tokens, replace=False)), logs[:-1], float(logs[-1]))

    return SpanSignal(side(), side())


def test_a_round_trip_keeps_the_heaviest_in_half_precision(tmp_path: Path) -> None:
    signals = [signal(number, tokens=6 if number == 2 else 40) for number in range(5)]
    write_shard(tmp_path / "shard-00000.arrow", [example(number) for number in range(5)], signals, top_k=16)
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


def test_characters_beyond_16_bits_are_kept(tmp_path: Path) -> None:
    long = example(0, length=70_000)
    side = Side(np.asarray([69_999]), np.asarray([np.log(0.5)]), float(np.log(0.5)))
    write_shard(tmp_path / "shard-00000.arrow", [long], [SpanSignal(side, side)], top_k=2)
    assert SignalReader(tmp_path).signal(long).start.chars.tolist() == [69_999]


def test_a_thousand_questions_cost_at_most_160_bytes_each(tmp_path: Path) -> None:
    examples = [example(number) for number in range(1000)]
    write_shard(tmp_path / "shard-00000.arrow", examples, [signal(number) for number in range(1000)], top_k=16)
    assert bytes_on_disk(tmp_path) / 1000 <= 160


def test_another_text_and_another_question_are_not_mixed_up(tmp_path: Path) -> None:
    write_shard(tmp_path / "shard-00000.arrow", [example(0)], [signal(0)], top_k=4)
    reader = SignalReader(tmp_path)
    with pytest.raises(StoreError, match="no signal about question 'question-1'"):
        reader.signal(example(1))
    with pytest.raises(StoreError, match="made for another text"):
        reader.signal(Example("question-0", "y" * 50, "Где?", None))


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    write_shard(tmp_path / "shard-00000.arrow", [example(0)], [signal(0)], top_k=4)
    path = tmp_path / "shard-00000.arrow"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StoreError, match=r"shard-00000\.arrow is damaged"):
        SignalReader(tmp_path)


def test_a_stopped_collection_goes_on_after_its_last_shard(tmp_path: Path) -> None:
    examples = [example(number) for number in range(10)]
    settings = Signals(shard_size=3)
    asked: list[str] = []

    def opinions(part: list[Example], stop_at: int = 99) -> list[SpanSignal]:
        if len(asked) >= stop_at:
            raise KeyboardInterrupt
        asked.extend(one.id for one in part)
        return [signal(int(one.id.split("-")[1])) for one in part]

    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    collect(tmp_path / "whole", examples, opinions, settings, SILENT, "collect")
    asked.clear()
    with pytest.raises(KeyboardInterrupt):
        collect(tmp_path / "broken", examples, lambda part: opinions(part, 6), settings, SILENT, "collect")
    figures = collect(tmp_path / "broken", examples, opinions, settings, SILENT, "collect")
    assert asked == [one.id for one in examples]
    assert figures["examples"] == 10
    for path in (tmp_path / "whole").glob("*.arrow"):
        assert path.read_bytes() == (tmp_path / "broken" / path.name).read_bytes()
