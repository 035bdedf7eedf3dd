"""Batches: every window once an epoch, the same whatever the number of workers."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from framework.data.batches import accumulation_steps, epoch_batches, micro_batches

sizes = st.lists(st.integers(1, 400), min_size=1, max_size=300).map(lambda lengths: np.asarray(lengths, np.int64))


@given(sizes, st.integers(1, 40), st.integers(0, 5), st.integers(0, 3))
def test_an_epoch_holds_every_window_once_in_an_order_of_its_own(
    lengths: np.ndarray, batch_size: int, seed: int, epoch: int
) -> None:
    batches = epoch_batches(lengths, batch_size, seed, epoch)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert len(batches) == -(-len(lengths) // batch_size)
    assert max(map(len, batches)) <= batch_size
    again = epoch_batches(lengths, batch_size, seed, epoch)
    assert all((one == other).all() for one, other in zip(batches, again, strict=True))


def test_epochs_and_seeds_differ_and_lengths_are_alike_within_a_batch() -> None:
    lengths = np.random.default_rng(0).integers(10, 300, 800)
    first, second = (epoch_batches(lengths, 16, 0, epoch) for epoch in (0, 1))
    assert any((one != other).any() for one, other in zip(first, second, strict=True))
    assert any((one != other).any() for one, other in zip(first, epoch_batches(lengths, 16, 1, 0), strict=True))
    padding = sum(len(batch) * lengths[batch].max() for batch in first) / lengths.sum()
    assert padding < 1.1


@given(st.integers(1, 40), st.integers(1, 8), st.integers(1, 10) | st.none())
def test_workers_share_a_batch_out_and_all_take_the_same_steps(size: int, workers: int, micro: int | None) -> None:
    batch = np.arange(100, 100 + size)
    steps = accumulation_steps(40, micro, workers)
    seen = []
    for rank in range(workers):
        parts = list(micro_batches(batch, rank, workers, steps))
        assert len(parts) == steps
        assert all(len(rows) for rows, _ in parts)
        if micro is not None:
            assert max(len(rows) for rows, _ in parts) <= micro
        seen.extend(row for rows, counts in parts if counts for row in rows.tolist())
    assert sorted(seen) == batch.tolist()
