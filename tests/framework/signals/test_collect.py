"""Filling a store of signals, whatever stops it and in whatever order it comes."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.errors import StoreError
from framework.progress import SILENT
from framework.signals.collect import SignalWriter, collect
from framework.signals.section import Signals
from framework.signals.shards import SignalReader
from framework.signals.span import Side, SpanSignal, log_softmax
from framework.tasks.span_qa.example import QAExample

EXAMPLES = [QAExample(f"question-{number}", "x" * 50, "Где?", None) for number in range(10)]


def signal(example: QAExample) -> SpanSignal:
    random = np.random.default_rng(int(example.id.split("-")[1]))

    def side() -> Side:
        logs = log_softmax(random.normal(size=31) * 4)
        return Side(np.sort(random.choice(50, 30, replace=False)), logs[:-1], float(logs[-1]))

    return SpanSignal(side(), side())


def rows(folder: Path) -> Counter[int]:
    """How often each example's digest stands in the shards."""
    tables = [pa.ipc.open_file(pa.memory_map(str(path))).read_all() for path in folder.glob("shard-*.arrow")]
    return Counter(number for table in tables for number in table.column("example").to_pylist())


def same(one: SpanSignal, other: SpanSignal) -> bool:
    return all(
        getattr(a, name).tolist() == getattr(b, name).tolist() and (a.null, a.tail) == (b.null, b.tail)
        for a, b in ((one.start, other.start), (one.end, other.end))
        for name in ("chars", "log_mass")
    )


def test_a_stopped_collection_goes_on_after_its_last_shard(tmp_path: Path) -> None:
    settings = Signals(shard_size=3)
    asked: list[str] = []

    def opinions(part: Sequence[QAExample], stop_at: int = 99) -> list[SpanSignal]:
        if len(asked) >= stop_at:
            raise KeyboardInterrupt
        asked.extend(one.id for one in part)
        return [signal(one) for one in part]

    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    expected = collect(tmp_path / "whole", EXAMPLES, opinions, settings, SILENT, "collect")
    asked.clear()
    with pytest.raises(KeyboardInterrupt):
        collect(tmp_path / "broken", EXAMPLES, lambda part: opinions(part, 6), settings, SILENT, "collect")
    figures = collect(tmp_path / "broken", EXAMPLES, opinions, settings, SILENT, "collect")
    assert asked == [one.id for one in EXAMPLES]
    assert figures == expected
    assert figures["examples"] == 10
    nulls = [np.exp([one.start.null, one.end.null]).mean() for one in map(signal, EXAMPLES)]
    assert figures["null_mass"] == pytest.approx(np.mean(nulls), rel=1e-3)
    for path in (tmp_path / "whole").glob("*.arrow"):
        assert path.read_bytes() == (tmp_path / "broken" / path.name).read_bytes()


@given(st.permutations(range(10)), st.integers(1, 12), st.integers(1, 4), st.integers(0, 10))
@settings(max_examples=30)
def test_in_whatever_order_they_come_each_is_stored_once(
    order: list[int], shard_size: int, together: int, lost_after: int
) -> None:
    """Signals that a stream brought before it was lost are kept; the rest, and nothing else, is asked for."""
    with TemporaryDirectory() as name:
        folder, settings = Path(name), Signals(shard_size=shard_size, top_k=4)
        writer = SignalWriter(folder, settings)
        arrived = [EXAMPLES[number] for number in order[:lost_after]]
        for begin in range(0, len(arrived), together):
            part = arrived[begin : begin + together]
            assert not any(example in writer for example in part)
            writer.add(part, [signal(example) for example in part])
            assert all(example in writer for example in part)
        on_disk = SignalReader(folder)
        assert len(on_disk) == lost_after - lost_after % shard_size

        asked: list[str] = []

        def opinions(part: Sequence[QAExample]) -> list[SpanSignal]:
            asked.extend(example.id for example in part)
            return [signal(example) for example in part]

        collect(folder, EXAMPLES, opinions, settings, SILENT, "collect")
        assert asked == [example.id for example in EXAMPLES if example not in on_disk]
        assert sorted(rows(folder).values()) == [1] * len(EXAMPLES)
        whole = SignalWriter(folder / "at once", settings)
        whole.stored.folder.mkdir()
        whole.add(EXAMPLES, [signal(example) for example in EXAMPLES])
        whole.flush()
        found, expected = SignalReader(folder), SignalReader(folder / "at once")
        assert all(same(found.signal(example), expected.signal(example)) for example in EXAMPLES)


def test_what_waits_is_on_disk_after_a_flush(tmp_path: Path) -> None:
    writer = SignalWriter(tmp_path, Signals(shard_size=100))
    writer.add(EXAMPLES[:2], [signal(example) for example in EXAMPLES[:2]])
    with pytest.raises(StoreError, match="is missing"):
        SignalReader(tmp_path).signal(EXAMPLES[0])
    writer.flush()
    writer.flush()
    assert sorted(rows(tmp_path).values()) == [1, 1]
    assert same(SignalReader(tmp_path).signal(EXAMPLES[1]), writer.stored.signal(EXAMPLES[1]))
