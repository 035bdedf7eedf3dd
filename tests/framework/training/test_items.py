"""Batches as tensors."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from distil.framework.signals.algebra import Signals
from distil.framework.tasks.span_qa.items import TrainingItems
from distil.framework.tasks.span_qa.windows import Windows
from distil.framework.training.items import EagerSignals, batch_length, model_inputs
from tests.framework.signals.made_up import entries

PAD = 7


def made_up(lengths: list[int], seed: int, typed: bool) -> TrainingItems:
    """Windows of random tokens of which about half may be chosen; null is the first of each."""
    random = np.random.default_rng(seed)
    rows = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    total, count = int(rows[-1]), len(lengths)
    support = random.random(total) < 0.5
    support[rows[:-1]] = False
    windows = Windows(
        rows=rows,
        input_ids=random.integers(10, 99, total).astype(np.int32),
        token_types=random.integers(0, 2, total).astype(np.int8) if typed else None,
        support=support,
        spans=np.zeros((total, 2), np.int32),
        best=support,
        null=np.zeros(count, np.int32),
        example=np.arange(count, dtype=np.int32),
        reach=np.zeros((count, 2), np.int32),
    )
    places = np.stack([random.integers(0, length, (2, 5)) for length in lengths]).astype(np.int32)
    for row, length in enumerate(lengths):
        legal = np.append(np.flatnonzero(support[rows[row] : rows[row] + length]), 0)
        places[row] = random.choice(legal, (2, 5))
    mass, tail = random.random((count, 2, 5)), random.random((count, 2))
    # The second alternative is the first with all masses halved.
    alternatives = [
        Signals(
            heads=np.arange(count + 1, dtype=np.int64) * 2,
            rows=np.arange(2 * count + 1, dtype=np.int64) * 5,
            keys=places.ravel().astype(np.int64),
            log_p=np.log(mass / part).ravel().astype(np.float32),
            tail=np.log(tail / part).ravel().astype(np.float32),
            tail_size=np.ones(2 * count, np.int32),
        )
        for part in (1, 2)
    ]
    positions = random.integers(-1, 3, (count, 2)).astype(np.int32)
    return TrainingItems(windows, positions, EagerSignals({2.0: alternatives}), PAD)


lengths = st.lists(st.integers(2, 12), min_size=1, max_size=6)


@given(lengths, st.integers(0, 99), st.booleans(), st.data())
def test_inputs_are_the_windows_padded_to_the_longest(
    sizes: list[int], seed: int, typed: bool, data: st.DataObject
) -> None:
    items = made_up(sizes, seed, typed)
    rows = np.asarray(data.draw(st.lists(st.integers(0, len(sizes) - 1), min_size=1, max_size=4)))
    inputs = model_inputs(items.features, rows, PAD)
    assert set(inputs) == {"input_ids", "attention_mask"} | ({"token_type_ids"} if typed else set())
    longest = max(sizes[row] for row in rows)
    for at, row in enumerate(rows):
        padding = longest - sizes[row]
        tokens = items.features.slice_of(row)
        assert inputs["input_ids"][at].tolist() == items.features.input_ids[tokens].tolist() + [PAD] * padding
        assert inputs["attention_mask"][at].tolist() == [1] * sizes[row] + [0] * padding
        if items.features.token_types is not None:
            types = items.features.token_types[tokens].tolist()
            assert inputs["token_type_ids"][at].tolist() == types + [0] * padding
    assert all(tensor.dtype == torch.int64 for tensor in inputs.values())


def test_on_a_gpu_shapes_are_few_and_no_longer_than_the_longest_window(monkeypatch: pytest.MonkeyPatch) -> None:
    items = made_up([10, 33, 70, 100], 0, typed=False)
    batches = [np.asarray(rows) for rows in ([0], [0, 1], [1, 2], [3])]
    assert [batch_length(items.features, rows) for rows in batches] == [10, 33, 70, 100]
    plainly = items.targets(batches[1], True, 0)
    monkeypatch.setattr("distil.framework.training.items.device_kind", lambda: "cuda")
    assert [batch_length(items.features, rows) for rows in batches] == [16, 40, 96, 100]
    targets = items.targets(batches[1], True, 0)
    assert targets.mask.shape == (2, 40)
    assert torch.equal(targets.mask[:, :33], plainly.mask)
    assert torch.equal(targets.signals[2.0][..., :33], plainly.signals[2.0])
    assert not targets.mask[:, 33:].any()
    assert not targets.signals[2.0][..., 33:].any()


@given(lengths, st.integers(0, 99), st.booleans(), st.integers(0, 5))
def test_targets_add_up_repeated_places_and_spread_the_tail(
    sizes: list[int], seed: int, counts: bool, choice: int
) -> None:
    items = made_up(sizes, seed, typed=False)
    rows = np.arange(len(sizes))
    targets = items.targets(rows, counts, choice)
    assert targets.weight.tolist() == [float(counts)] * len(sizes)
    assert targets.position.tolist() == items.positions.tolist()
    assert isinstance(items.signals, EagerSignals)
    stored = items.signals.columns[2.0][choice % 2]
    for row, length in enumerate(sizes):
        support = items.features.support[items.features.slice_of(row)]
        legal = [place for place in range(length) if support[place] or place == 0]
        assert targets.mask[row].nonzero().flatten().tolist() == legal
        for head in range(2):
            expected = np.zeros(max(sizes))
            named = entries(stored, 2 * row + head)
            for place, mass in named:
                expected[place] += mass
            free = [place for place in np.flatnonzero(support) if place not in dict(named)]
            expected[free] += np.exp(stored.tail[2 * row + head]) / max(len(free), 1)
            torch.testing.assert_close(
                targets.signals[2.0][row, head].double(), torch.from_numpy(expected), atol=1e-5, rtol=1e-5
            )
