"""What signals are said to take on disk is what they take."""

from pathlib import Path

import numpy as np
import pytest

from distil.framework.segments import Ints, bounds
from distil.framework.signals.algebra import NULL, Signals, from_dense
from distil.framework.signals.section import SignalSettings, signal_bytes
from distil.framework.signals.shards import as_stored, bytes_on_disk, row_key, write_shard
from distil.framework.tasks.base import Examples, Task
from distil.framework.tasks.classification.data import Text
from distil.framework.tasks.classification.task import Classification
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.tasks.tagging.task import Tagging
from tests.framework.tasks.tagging.texts import news

_TOPICS = [f"topic {number}" for number in range(40)]
_TEXTS = [Text("", str(number), f"text {number}", None, None) for number in range(600)]
_QUESTIONS = [QAExample(str(number), "x" * 300, "Где?", None) for number in range(600)]


def _signals(examples: Examples, sizes: Ints, null: bool) -> Signals:
    """Signals of heads of so many outcomes, all of the same number."""
    random = np.random.default_rng(0)
    keys = np.arange(NULL if null else 0, sizes[0])
    each = len(sizes) // len(examples) if len(sizes) % len(examples) == 0 else 0
    heads = [each or len(example.units) for example in examples]
    return from_dense(random.normal(size=(len(sizes), len(keys))), keys, bounds(np.asarray(heads, np.int64)))


@pytest.mark.parametrize(
    ("task", "examples"),
    [
        (ExtractiveQA(), _QUESTIONS),
        (Classification(labels=_TOPICS[:12]), _TEXTS),
        (Classification(labels=_TOPICS), _TEXTS),
        (Classification(labels=_TOPICS, problem_type="multi_label"), _TEXTS),
        (Classification(problem_type="regression", range=[0, 5]), _TEXTS),
        (Tagging(labels=["O", "B-DATE", "B-LOC", "B-ORG", "B-PER"]), news(600)),
    ],
    ids=["spans", "12 labels", "40 labels", "several labels", "numbers", "tags"],
)
def test_signals_take_as_much_as_is_said(task: Task, examples: Examples, tmp_path: Path) -> None:
    settings, sizes = SignalSettings(), task.head_sizes(examples)
    whole = _signals(examples, sizes, null=isinstance(task, ExtractiveQA))
    write_shard(tmp_path, 0, [row_key(one) for one in examples], as_stored(whole, settings.top_k))
    assert signal_bytes(settings, len(examples), sizes) == pytest.approx(bytes_on_disk(tmp_path), rel=0.1)


def test_no_signals_take_nothing() -> None:
    assert signal_bytes(SignalSettings(), 0, Tagging(labels=["O", "B-X"]).head_sizes([])) == 0
