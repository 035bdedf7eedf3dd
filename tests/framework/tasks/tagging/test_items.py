"""Units are read at their first token, in the window that shows most around it, and taught what teachers think."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from distil.framework.data.features import WindowSettings
from distil.framework.errors import RecipeError
from distil.framework.losses.base import total_loss
from distil.framework.losses.logits import KL, HardLabel
from distil.framework.signals.algebra import from_dense, temper, to_dense
from distil.framework.tasks.tagging.example import Tagged, joined
from distil.framework.tasks.tagging.features import UnitRows, unit_features
from distil.framework.tasks.tagging.items import unit_items
from distil.framework.tasks.tagging.signal import from_tags, gold_numbers, unit_logits, write_units
from distil.framework.tasks.tagging.tags import tag_set
from tests.blocking import blocking_reads
from tests.framework.tasks.tagging.texts import news, tokenizer

_TAGS = tag_set(("O", "B-DATE", "B-LOC", "B-ORG", "B-PER"), "auto")
_L = len(_TAGS.names)


def _features(examples: Any, kind: str = "wordpiece", **windows: int) -> UnitRows:
    return unit_features(examples, tokenizer(kind), WindowSettings(**{"max_length": 128, "doc_stride": 16, **windows}))


@settings(max_examples=15, deadline=None)
@given(
    begin=st.integers(0, 60),
    count=st.integers(1, 8),
    length=st.integers(16, 40),
    kind=st.sampled_from(["wordpiece", "bpe"]),
)
def test_a_unit_is_at_its_first_token_in_its_best_window(begin: int, count: int, length: int, kind: str) -> None:
    examples = news(100)[begin : begin + count]
    whole, cut = _features(examples, kind), _features(examples, kind, max_length=length, doc_stride=5)
    own, tokens = tokenizer(kind), (whole.lengths - 2).tolist()
    room, step = length - 2, length - 2 - 5
    assert len(whole) == count
    assert (cut.lengths <= length).all()
    for number, example in enumerate(examples):
        offsets = own(example.text)[0].offsets[1:-1]
        for unit, (a, _) in zip(range(*whole.units[number : number + 2]), example.units, strict=True):
            first = next(n for n, (_, to) in enumerate(offsets) if to > a)
            assert (whole.row[unit], whole.place[unit]) == (number, first + 1)
            around = {
                row: min(first - at, min(at + room, tokens[number]) - 1 - first)
                for row, at in zip(np.flatnonzero(cut.example == number), range(0, 10**4, step), strict=False)
                if at <= first < at + room
            }
            row, place = cut.row[unit], cut.place[unit]
            assert around[row] == max(around.values())
            assert cut.input_ids[cut.rows[row] + place] == whole.input_ids[whole.rows[number] + first + 1]


def test_rows_without_room_are_refused() -> None:
    with pytest.raises(RecipeError, match="leaves 14 tokens of a text in each window, no more than doc_stride 16"):
        _features(news(2), max_length=16)


def test_a_word_without_a_token_has_no_place_and_no_opinion() -> None:
    example = Tagged("", "x", *joined(["Анна", "", "едет"]), ("B-PER", "O", "O"))
    features = _features([example])
    assert features.row.tolist() == [0, -1, 0]
    logits = [np.random.default_rng(0).normal(size=(_L, int(features.lengths[0]))).astype(np.float32)]
    found = to_dense(write_units(features, logits, _TAGS), _L)
    np.testing.assert_allclose(found[1], 1 / _L, rtol=1e-6)
    np.testing.assert_allclose(unit_logits(features, logits, _TAGS)[2], logits[0][:, features.place[2]])


class _Source:
    """What a teacher thinks of some examples, by their ids."""

    def __init__(self, examples: Any, probabilities: np.ndarray, units: np.ndarray) -> None:
        self.known = from_dense(np.log(probabilities), np.arange(_L), units)
        self.place = {example.id: number for number, example in enumerate(examples)}
        self.asked: list[Any] = []

    def prefetch(self, batches: Any) -> None:
        self.asked += batches

    def signals(self, examples: Any, temperatures: Any) -> Any:
        chosen = self.known.take(np.asarray([self.place[example.id] for example in examples]))
        return {t: [temper(chosen, t)] for t in temperatures}


@pytest.mark.parametrize("eager", [True, False])
def test_the_losses_are_those_of_each_unit(eager: bool) -> None:
    examples = [*news(100)[:5], news(100)[5].without_label()]
    features = _features(examples, max_length=24, doc_stride=4)
    random = np.random.default_rng(1)
    count = len(features.row)
    taught = random.dirichlet(np.ones(_L), count)
    gold = gold_numbers(examples, _TAGS)
    source = _Source(examples, taught, features.units)
    items = unit_items(examples, features, 0, gold, _L, source, (2.0,), eager)
    rows = random.permutation(len(features))
    items.prefetch([rows])
    logits = torch.from_numpy(random.normal(size=(len(rows), _L, 24)).astype(np.float32)).requires_grad_()
    targets = items.targets(rows, True, 0)
    with blocking_reads() as waits:
        total, terms = total_loss({"hard": HardLabel(), "kl": KL(temperature=2.0)}, targets.rows(logits), 0.0)
        total.backward()

    assert waits == []
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    at = {row: number for number, row in enumerate(rows.tolist())}
    log_p = [
        logits[at[int(features.row[unit])], :, int(features.place[unit])].detach().double() for unit in range(count)
    ]
    hard = -sum(log_p[unit].log_softmax(0)[gold[unit]] for unit in range(count) if gold[unit] >= 0)
    weight = len(features) / count
    assert float(terms["hard"]) == pytest.approx(float(hard) * weight, rel=1e-5)
    signal = to_dense(temper(source.known, 2.0), _L)
    kl = sum(
        4 * float((torch.tensor(p).xlogy(torch.tensor(p)) - torch.tensor(p) * (z / 2).log_softmax(0)).sum())
        for p, z in zip(signal.astype(np.float64), log_p, strict=True)
    )
    assert float(terms["kl"]) == pytest.approx(kl * weight, rel=1e-5)
    assert bool(source.asked) is not eager
    assert items.targets(rows, False, 0).rows(logits).weight.sum() == 0


def test_a_teacher_may_say_one_tag_of_each_word() -> None:
    examples = news(100)[:3]
    signals = from_tags(examples, [example.tags or () for example in examples], _TAGS.names, sure=0.9)
    assert len(signals) == 3
    found = to_dense(signals, _L)
    np.testing.assert_allclose(found[np.arange(len(found)), gold_numbers(examples, _TAGS)], 0.9, rtol=1e-6)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)
