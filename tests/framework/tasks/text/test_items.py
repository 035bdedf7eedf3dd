"""What a student of texts is trained on."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from distil.framework.data.features import WindowSettings
from distil.framework.losses.base import total_loss
from distil.framework.losses.chunks import Chunk
from distil.framework.losses.logits import KL, HardLabel
from distil.framework.models.section import TrainedTokenizer
from distil.framework.models.tokenizer_training import train_writing_tokenizer
from distil.framework.signals.algebra import Signals
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.task import Text

EXAMPLES = [
    Written("a", "Who?", " Anna goes, 12 times."),
    Written("b", "", "Пётр — в Тулу 🙂"),
    Written("c", "And?", " no", labelled=False),
]
TASK = Text()
TOKENIZERS = [
    train_writing_tokenizer(
        TrainedTokenizer(kind="bpe", vocab_size=size), [text for one in EXAMPLES for text in one.texts] * 3
    )
    for size in (258, 300)
]


class _Said:
    """A source with one signal."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals

    def prefetch(self, batches: Sequence[Sequence[Any]]) -> None:
        """Nothing to fetch."""

    def signals(self, examples: Sequence[Any], temperatures: Sequence[float]) -> Mapping[float, Sequence[Signals]]:
        rows = np.asarray([EXAMPLES.index(example) for example in examples])
        return {temperature: [self._signals.take(rows)] for temperature in temperatures}


def _logits(which: int) -> tuple[Any, torch.Tensor]:
    """Features by a tokenizer, and logits that some model may give, padded: [B, V, L]."""
    features = TASK.features(EXAMPLES, TOKENIZERS[which], WindowSettings(max_length=64))
    torch.manual_seed(which)
    return features, torch.randn(len(EXAMPLES), len(TOKENIZERS[which]), int(features.lengths.max()))


def _signals(which: int) -> Signals:
    features, logits = _logits(which)
    rows = [row[:, :length].numpy() for row, length in zip(logits, features.lengths, strict=True)]
    return TASK.write_signals(EXAMPLES, features, rows)


def _terms(which: int, source: _Said | None, eager: bool = True, rows: Sequence[int] = (0, 1, 2)) -> dict[str, float]:
    features, logits = _logits(which)
    items = TASK.training_items(EXAMPLES, features, 0, source, [1.0], eager)
    taken = np.asarray(rows)
    targets = items.targets(taken, True, 0)
    length = int(features.lengths[taken].max())
    losses: dict[str, Any] = {"hard_label": HardLabel()}
    losses |= {"kl": KL(temperature=1.0), "chunk": Chunk()} if source is not None else {}
    _, terms = total_loss(losses, targets.rows(logits[taken, :, :length]), 0.0)
    return {name: float(term) for name, term in terms.items()}


def test_hard_label_is_the_cross_entropy_of_labelled_completions() -> None:
    features, logits = _logits(1)
    total, tokens = 0.0, int((features.lengths - features.begin).sum())
    for row in (0, 1):  # the third is taught by teachers alone
        ids = torch.from_numpy(features.input_ids[features.slice_of(row)].astype(np.int64))
        begin = int(features.begin[row])
        total += float(
            torch.nn.functional.cross_entropy(logits[row, :, begin - 1 : len(ids) - 1].T, ids[begin:], reduction="sum")
        )
    assert _terms(1, None)["hard_label"] == pytest.approx(total * len(EXAMPLES) / tokens, rel=1e-5)


@pytest.mark.parametrize("which", [0, 1])
def test_who_thinks_what_the_teacher_does_pays_nothing(which: int) -> None:
    terms = _terms(which, _Said(_signals(which)))
    assert terms["kl"] == pytest.approx(0, abs=1e-5)
    assert terms["chunk"] == pytest.approx(0, abs=1e-4)


def test_a_teacher_with_another_tokenizer_teaches() -> None:
    terms = _terms(1, _Said(_signals(0)))
    assert min(terms["kl"], terms["chunk"]) > 1e-3


def test_signals_teach_the_same_read_beforehand_or_as_they_come() -> None:
    source = _Said(_signals(0))
    assert _terms(1, source, eager=False) == _terms(1, source)
    apart = [_terms(1, source, rows=[row]) for row in range(3)]
    for name, value in _terms(1, source).items():
        assert sum(one[name] for one in apart) == pytest.approx(value, rel=1e-5)


def test_where_teachers_say_nothing_nothing_is_learnt() -> None:
    said = _signals(0)
    heads = len(said.rows) - 1
    silent = Signals(
        said.heads,
        np.zeros(heads + 1, np.int64),
        said.keys[:0],
        said.log_p[:0],
        np.full(heads, -np.inf, np.float32),
        np.zeros(heads, np.int32),
    )
    terms = _terms(1, _Said(silent))
    assert (terms["kl"], terms["chunk"]) == (0, 0)
    assert terms["hard_label"] > 0


def test_the_gold_outcomes_are_the_bytes_that_stand_there() -> None:
    gold, sizes = TASK.gold_outcomes(EXAMPLES), TASK.head_sizes(EXAMPLES)
    bytes_of = gold[sizes == 257]
    assert (bytes_of[:, 0] == bytes_of[:, 1]).all()
    assert bytes_of[:4, 0].tolist() == [*b"  ,", ord(" ")]
    assert gold[sizes == 2].tolist() == [[0, 1]] * int((sizes == 2).sum())
