"""Batches of texts become rows of logits with labels, weights and what teachers think."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from distil.framework.data.features import WindowSettings
from distil.framework.errors import ModelError
from distil.framework.losses.base import total_loss
from distil.framework.losses.logits import KL, HardLabel
from distil.framework.signals.algebra import Signals, temper
from distil.framework.signals.mixing import mix
from distil.framework.tasks.classification.data import Text
from distil.framework.tasks.classification.signal import write_several, write_single
from distil.framework.tasks.classification.task import Classification
from tests.blocking import blocking_reads
from tests.framework.tasks.classification.texts import messages, tokenizer

_LONG = WindowSettings(max_length=24, doc_stride=4)


class _Source:
    """A SignalSource of two alternatives, logits by the text's number."""

    def __init__(self, examples: Sequence[Text], logits: list[np.ndarray], several: bool) -> None:
        self.rows = {example.id: row for row, example in enumerate(examples)}
        self.logits, self.write = logits, write_several if several else write_single
        self.fetched: list[list[str]] = []

    def prefetch(self, batches: Any) -> None:
        self.fetched = [[example.id for example in batch] for batch in batches]

    def signals(self, examples: Sequence[Text], temperatures: Sequence[float]) -> dict[float, list[Signals]]:
        rows = [self.rows[example.id] for example in examples]
        return {t: [temper(self.write(logits[rows]), t) for logits in self.logits] for t in temperatures}


def _items(task: Classification, texts: Sequence[Text], source: Any, eager: bool) -> Any:
    features = task.features(texts, tokenizer(), _LONG)
    return features, task.training_items(texts, features, 0, source, (1.0, 2.0), eager)


def test_windows_of_a_text_share_its_weight_and_learn_the_same() -> None:
    texts = [*messages(6)[:5], messages(6)[5].without_label()]
    task = Classification(long_texts="pool").fitted({"train": messages(200)})
    logits = [np.random.default_rng(seed).normal(0, 2, (6, len(task.labels or ()))) for seed in (0, 1)]
    source = _Source(texts, logits, several=False)
    features, ready = _items(task, texts, source, eager=True)
    _, coming = _items(task, texts, source, eager=False)
    assert len(features) > len(texts)
    rows = np.arange(len(features))
    coming.prefetch([rows[:2], rows[2:]])
    assert source.fetched[0] == [texts[number].id for number in features.example[:2]]
    for choice in (0, 1):
        for items in (ready, coming):
            found = items.targets(rows, True, choice).rows(torch.zeros(len(rows), len(task.labels or ())))
            per_text = torch.zeros(6).index_add(0, torch.from_numpy(features.example.astype(np.int64)), found.weight)
            torch.testing.assert_close(per_text, torch.ones(6))
            labels = [-1 if text.gold is None else (task.labels or []).index(text.gold[0]) for text in texts]  # type: ignore[index]
            assert found.label.tolist() == [labels[number] for number in features.example]
            expected = torch.from_numpy(logits[choice][features.example] / 2.0).softmax(-1).float()
            torch.testing.assert_close(found.signals[2.0], expected, atol=1e-6, rtol=0)
    assert ready.targets(rows, False, 0).rows(torch.zeros(len(rows), 10)).weight.sum() == 0


def test_several_labels_are_rows_of_no_and_yes() -> None:
    texts = messages(8, 3)
    task = Classification(problem_type="multi_label").fitted({"train": texts})
    count = len(task.labels or ())
    teacher = np.random.default_rng(0).normal(0, 2, (8, count))
    _, items = _items(task, texts, _Source(texts, [teacher], several=True), eager=True)
    rows = np.asarray([3, 0])
    student = torch.randn(2, count, generator=torch.Generator().manual_seed(0))
    targets = items.targets(rows, True, 0)
    with blocking_reads() as waits:
        _, terms = total_loss({"hard_label": HardLabel(), "kl": KL(temperature=2.0)}, targets.rows(student), 0.0)
    assert waits == []
    gold = torch.tensor([[float(label in (texts[row].gold or ())) for label in task.labels or ()] for row in rows])  # type: ignore[operator]
    cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits(student, gold, reduction="none").mean(1)
    torch.testing.assert_close(terms["hard_label"], cross_entropy.sum())
    p = torch.sigmoid(torch.from_numpy(teacher[rows]) / 2)
    q = torch.sigmoid(student.double() / 2)
    kl = p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()
    torch.testing.assert_close(terms["kl"].double(), 4 * kl.mean(1).sum(), atol=1e-4, rtol=1e-4)


def test_a_number_is_a_cross_entropy_with_its_share_of_the_range() -> None:
    texts = [replace(text, gold=value) for text, value in zip(messages(4), (1.0, 2.5, 5.0, None), strict=True)]
    task = Classification(problem_type="regression", range=[1.0, 5.0])
    teacher = np.asarray([[0.3], [-1.0], [2.0], [0.5]])
    _, items = _items(task, texts, _Source(texts, [teacher], several=True), eager=True)
    student = torch.tensor([[0.2], [1.0], [-3.0], [0.1]])
    found = items.targets(np.arange(4), True, 0).rows(student)
    _, terms = total_loss({"hard_label": HardLabel(), "kl": KL(temperature=1.0)}, found, 0.0)
    share = torch.tensor([[0.0], [0.375], [1.0]])
    expected = torch.nn.functional.binary_cross_entropy_with_logits(student[:3], share, reduction="sum")
    torch.testing.assert_close(terms["hard_label"], expected)
    p, q = torch.sigmoid(torch.from_numpy(teacher)), torch.sigmoid(student.double())
    kl = (p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()).sum()
    torch.testing.assert_close(terms["kl"].double(), kl, atol=1e-5, rtol=1e-5)
    signals = write_several(teacher)
    values = task.predict_from_signals(texts, signals)
    assert values[texts[0].id]["value"] == pytest.approx(1 + 4 * float(p[0, 0]))


def test_teachers_numbers_are_mixed_as_numbers() -> None:
    """Also those of a model that gives them itself, which stop at the ends of the range."""
    task = Classification(problem_type="regression", range=[0.0, 5.0])
    config = SimpleNamespace(id2label={0: "LABEL_0"})
    one, other = ([np.asarray([value], np.float32)] for value in (1.0, 7.0))
    texts = messages(1)
    features = task.features(texts, tokenizer(), _LONG)
    signals = [task.write_signals(texts, features, task.translated(logits, config, None)) for logits in (one, other)]
    mixed = mix(signals, np.asarray([[0.75, 0.25]]), "arithmetic")
    assert task.predict_from_signals(texts, mixed)[texts[0].id]["value"] == pytest.approx(2.0, abs=1e-3)
    with pytest.raises(ModelError, match="a number is one output"):
        task.translated(one, SimpleNamespace(id2label={0: "a", 1: "b"}), None)
