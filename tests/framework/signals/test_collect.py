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
from framework.signals.algebra import NULL, Signals
from framework.signals.collect import SignalWriter, collect, longest_first
from framework.signals.section import SignalSettings
from framework.signals.shards import SignalReader, as_stored
from framework.tasks.classification.data import Text
from framework.tasks.span_qa.data import QAExample
from tests.framework.signals.made_up import assert_same, masses, signals_of

EXAMPLES = [QAExample(f"question-{number}", "x" * 50, "Где?", None) for number in range(10)]


def signals(examples: Sequence[QAExample]) -> Signals:
    def row(random: np.random.Generator) -> list[tuple[int, float]]:
        chars = np.sort(random.choice(50, 30, replace=False)).tolist()
        return list(zip([NULL, *chars], (random.normal(size=31) * 4).tolist(), strict=True))

    numbers = [int(example.id.split("-")[1]) for example in examples]
    return signals_of(*(row(np.random.default_rng([number, head])) for number in numbers for head in range(2)))


def rows(folder: Path) -> Counter[int]:
    """How often each example's digest stands in the shards."""
    tables = [pa.ipc.open_file(pa.memory_map(str(path))).read_all() for path in folder.glob("shard-*.arrow")]
    return Counter(number for table in tables for number in table.column("example").to_pylist())


def test_a_stopped_collection_goes_on_after_its_last_shard(tmp_path: Path) -> None:
    settings = SignalSettings(shard_size=3)
    asked: list[str] = []

    def predict_fn(part: Sequence[QAExample], stop_at: int = 99) -> Signals:
        if len(asked) >= stop_at:
            raise KeyboardInterrupt
        asked.extend(one.id for one in part)
        return signals(part)

    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    expected = collect(tmp_path / "whole", EXAMPLES, predict_fn, settings, SILENT, "collect")
    asked.clear()
    with pytest.raises(KeyboardInterrupt):
        collect(tmp_path / "broken", EXAMPLES, lambda part: predict_fn(part, 6), settings, SILENT, "collect")
    figures = collect(tmp_path / "broken", EXAMPLES, predict_fn, settings, SILENT, "collect")
    assert asked == [one.id for one in EXAMPLES]
    assert figures == expected
    assert figures["examples"] == 10
    assert figures["null_mass"] == pytest.approx(masses(signals(EXAMPLES), 50)[:, 0].mean(), rel=1e-3)
    for path in (tmp_path / "whole").glob("*.arrow"):
        assert path.read_bytes() == (tmp_path / "broken" / path.name).read_bytes()


def test_the_longest_texts_come_first_and_questions_about_one_text_together() -> None:
    texts = ["kurz", "ein langer Text", "mittel", "ein langer Text", "mittel"]
    found = longest_first([QAExample(str(n), text, "?" * (1 + n), None) for n, text in enumerate(texts)])
    assert [one.id for one in found] == ["1", "3", "2", "4", "0"]
    assert [one.id for one in longest_first([Text("", str(n), "x" * n, None, None) for n in (3, 9, 5)])] == [
        "9",
        "5",
        "3",
    ]


@given(st.permutations(range(10)), st.integers(1, 12), st.integers(1, 4), st.integers(0, 10))
@settings(max_examples=30)
def test_in_whatever_order_they_come_each_is_stored_once(
    order: list[int], shard_size: int, together: int, lost_after: int
) -> None:
    """Signals that a stream brought before it was lost are kept; the rest, and nothing else, is asked for."""
    with TemporaryDirectory() as name:
        folder, settings = Path(name), SignalSettings(shard_size=shard_size, top_k=4)
        writer = SignalWriter(folder, settings)
        arrived = [EXAMPLES[number] for number in order[:lost_after]]
        for begin in range(0, len(arrived), together):
            part = arrived[begin : begin + together]
            assert not any(example in writer for example in part)
            writer.add(part, signals(part))
            assert all(example in writer for example in part)
            assert_same(writer.signals(part), as_stored(signals(part), 4))
        assert_same(writer.signals(arrived), as_stored(signals(arrived), 4))
        on_disk = SignalReader(folder)
        assert len(on_disk) == lost_after - lost_after % shard_size

        asked: list[str] = []

        def predict_fn(part: Sequence[QAExample]) -> Signals:
            asked.extend(example.id for example in part)
            return signals(part)

        collect(folder, EXAMPLES, predict_fn, settings, SILENT, "collect")
        assert asked == [example.id for example in EXAMPLES if example not in on_disk]
        assert sorted(rows(folder).values()) == [1] * len(EXAMPLES)
        whole = SignalWriter(folder / "at once", settings)
        whole.stored.folder.mkdir()
        whole.add(EXAMPLES, signals(EXAMPLES))
        whole.flush()
        assert_same(SignalReader(folder).signals(EXAMPLES), SignalReader(folder / "at once").signals(EXAMPLES))


def test_what_waits_is_on_disk_after_a_flush(tmp_path: Path) -> None:
    writer = SignalWriter(tmp_path, SignalSettings(shard_size=100))
    writer.add(EXAMPLES[:2], signals(EXAMPLES[:2]))
    with pytest.raises(StoreError, match="is missing"):
        SignalReader(tmp_path).signals(EXAMPLES[:1])
    writer.flush()
    writer.flush()
    assert sorted(rows(tmp_path).values()) == [1, 1]
    assert_same(SignalReader(tmp_path).signals(EXAMPLES[:2]), writer.stored.signals(EXAMPLES[:2]))
