"""Filling a store of signals, whatever stops it and in whatever order it comes."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distil.framework.errors import DataError, StoreError
from distil.framework.progress import SILENT
from distil.framework.signals.algebra import NULL, Signals
from distil.framework.signals.collect import SignalWriter, collect, longest_first
from distil.framework.signals.section import SignalSettings
from distil.framework.signals.shards import SignalReader, as_stored
from distil.framework.signals.steps import OneStep, Steps
from distil.framework.tasks.classification.data import Text
from distil.framework.tasks.span_qa.data import QAExample
from tests.framework.signals.made_up import assert_same, masses, signals_of

EXAMPLES = [QAExample(f"question-{number}", "x" * 50, "Где?", None) for number in range(10)]


def signals(examples: Sequence[QAExample]) -> Signals:
    def row(random: np.random.Generator) -> list[tuple[int, float]]:
        chars = np.sort(random.choice(50, 30, replace=False)).tolist()
        return list(zip([NULL, *chars], (random.normal(size=31) * 4).tolist(), strict=True))

    numbers = [int(example.id.split("-")[1]) for example in examples]
    return signals_of(*(row(np.random.default_rng([number, head])) for number in numbers for head in range(2)))


def opened(predict_fn: Callable[[Sequence[QAExample]], Signals]) -> Callable[[], Steps]:
    """A teacher without proposals."""
    return lambda: OneStep(lambda part, proposals: predict_fn(part))


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
    expected = collect(tmp_path / "whole", EXAMPLES, opened(predict_fn), settings, SILENT, "collect")
    asked.clear()
    with pytest.raises(KeyboardInterrupt):
        collect(tmp_path / "broken", EXAMPLES, opened(lambda part: predict_fn(part, 6)), settings, SILENT, "collect")
    figures = collect(tmp_path / "broken", EXAMPLES, opened(predict_fn), settings, SILENT, "collect")
    assert asked == [one.id for one in EXAMPLES]
    assert figures == expected
    assert figures["examples"] == 10
    assert figures["null_mass"] == pytest.approx(masses(signals(EXAMPLES), 50)[:, 0].mean(), rel=1e-3)
    for path in (tmp_path / "whole").glob("*.arrow"):
        assert path.read_bytes() == (tmp_path / "broken" / path.name).read_bytes()


class Noted:
    """See Steps: notes what is done in which thread, and fails where it is told to."""

    def __init__(self, fails: dict[tuple[str, int], BaseException] | None = None) -> None:
        self.fails, self.done = fails or {}, []
        self.threads: dict[str, set[int]] = {"prepare": set(), "run": set(), "signals_of": set()}

    def prepare(self, examples: Sequence[QAExample], proposals: Sequence[Signals] = ()) -> Sequence[QAExample]:
        return self.note("prepare", examples)

    def run(self, prepared: Sequence[QAExample]) -> Sequence[QAExample]:
        return self.note("run", prepared)

    def signals_of(self, said: Sequence[QAExample]) -> Signals:
        return signals(self.note("signals_of", said))

    def note(self, step: str, part: Sequence[QAExample]) -> Sequence[QAExample]:
        number = sum(other == step for other, _ in self.done)
        if (step, number) in self.fails:
            raise self.fails[step, number]
        self.done.append((step, [one.id for one in part]))
        self.threads[step].add(threading.get_ident())
        return part

    def count(self, step: str) -> int:
        return sum(other == step for other, _ in self.done)


def test_tokenising_and_writing_go_on_beside_the_model_and_change_no_byte(tmp_path: Path) -> None:
    settings, noted = SignalSettings(shard_size=3), Noted()
    for name in ("beside", "in turn"):
        (tmp_path / name).mkdir()
    collect(tmp_path / "beside", EXAMPLES, lambda: noted, settings, SILENT, "collect")
    writer = SignalWriter(tmp_path / "in turn", settings)
    for begin in range(0, len(EXAMPLES), 3):
        writer.add(EXAMPLES[begin : begin + 3], signals(EXAMPLES[begin : begin + 3]))
        writer.flush()
    paths = sorted((tmp_path / "in turn").glob("*.arrow"))
    assert [path.name for path in paths] == sorted(path.name for path in (tmp_path / "beside").glob("*.arrow"))
    assert all(path.read_bytes() == (tmp_path / "beside" / path.name).read_bytes() for path in paths)
    assert noted.threads["run"] == {threading.get_ident()}
    assert not noted.threads["run"] & (noted.threads["prepare"] | noted.threads["signals_of"])


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("prepare", DataError("this text has no words")),
        ("run", KeyboardInterrupt()),
        ("signals_of", StoreError("the disk is full")),
    ],
)
def test_whatever_ends_a_collection_comes_out_as_itself_and_what_was_computed_is_kept(
    tmp_path: Path, step: str, error: BaseException
) -> None:
    settings, noted = SignalSettings(shard_size=1), Noted({(step, 4): error})
    with pytest.raises(type(error)) as raised:
        collect(tmp_path, EXAMPLES, lambda: noted, settings, SILENT, "collect")
    assert raised.value is error
    kept = SignalReader(tmp_path)
    computed = 4 if step != "signals_of" else noted.count("signals_of")
    assert [example in kept for example in EXAMPLES] == [number < computed for number in range(10)]
    assert noted.count("run") <= len(kept) + 2  # all that a stop may lose
    again = Noted()
    collect(tmp_path, EXAMPLES, lambda: again, settings, SILENT, "collect")
    assert again.count("run") == len(EXAMPLES) - computed
    assert sorted(rows(tmp_path).values()) == [1] * len(EXAMPLES)


def test_no_more_is_made_ready_than_is_wanted_soon(tmp_path: Path) -> None:
    class Slow(Noted):
        def run(self, prepared: Sequence[QAExample]) -> Sequence[QAExample]:
            time.sleep(0.005)
            waiting.append(self.count("prepare") - self.count("run"))
            unwritten.append(self.count("run") - self.count("signals_of"))
            return super().run(prepared)

    waiting: list[int] = []
    unwritten: list[int] = []
    collect(tmp_path, EXAMPLES, Slow, SignalSettings(shard_size=1), SILENT, "collect")
    assert max(waiting) <= 4
    assert max(unwritten) <= 1


def test_a_teacher_that_has_nothing_left_to_say_is_not_opened(tmp_path: Path) -> None:
    collect(tmp_path, EXAMPLES, Noted, SignalSettings(), SILENT, "collect")

    def opened() -> Steps:
        raise AssertionError

    collect(tmp_path, EXAMPLES, opened, SignalSettings(), SILENT, "collect")


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
@settings(max_examples=15)
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

        collect(folder, EXAMPLES, opened(predict_fn), settings, SILENT, "collect")
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
