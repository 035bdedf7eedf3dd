"""Batches: every window once an epoch, the same whatever the number of workers."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from distil.framework.data.batches import (
    BatchLimit,
    accumulation_steps,
    epoch_batches,
    filled_up,
    in_batches,
    listed,
    micro_batches,
    padded_lengths,
    rounded_up,
)

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


@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 1)), min_size=1, max_size=60),
    st.integers(1, 500),
    st.none() | st.integers(1, 30),
    st.booleans(),
)
def test_every_row_is_in_one_batch_with_its_like(
    keys: list[tuple[int, int]], tokens: int, rows_at_most: int | None, gpu: bool
) -> None:
    limit, lengths = BatchLimit(tokens, rows_at_most, gpu), np.asarray(keys)[:, 0]
    batches = list(in_batches(np.asarray(keys), lengths, limit))
    assert sorted(row for rows in batches for row in rows) == list(range(len(keys)))
    for rows in batches:
        assert len({keys[row] for row in rows}) == 1
        asked = filled_up(rows, gpu, int(lengths[rows[0]])) if gpu else rows
        assert len(asked) == 1 or len(asked) * lengths[rows[0]] <= tokens
        assert len(asked) <= (rows_at_most or len(asked))
    assert keys[batches[0][0]] == max(keys)
    for key in set(keys):
        sizes = [len(rows) for rows in batches if keys[rows[0]] == key]
        assert max(sizes) - min(sizes) <= 1


@given(sizes, st.integers(1, 400))
def test_lengths_depend_on_the_row_alone_and_little_fills_it_up(lengths: np.ndarray, longest: int) -> None:
    padded = padded_lengths(lengths, longest)
    assert all(padded_lengths(lengths[[row]], longest) == padded[[row]] for row in range(len(lengths)))
    assert (padded >= lengths).all()
    assert (padded - lengths < np.maximum(lengths / 8, 4)).all()
    assert ((padded <= longest) | (padded == lengths)).all()
    assert ((padded % 4 == 0) | (padded == longest) | (lengths > longest)).all()


def test_a_gpu_sees_few_row_counts() -> None:
    assert [listed(rows) for rows in (1, 2, 3, 4, 5, 8, 9, 17)] == [1, 2, 4, 4, 8, 8, 16, 24]
    assert [BatchLimit(100, None, gpu=True).most(tokens) for tokens in (101, 34, 20, 11, 5)] == [1, 2, 4, 8, 16]


def test_lengths_are_rounded_up_and_never_outgrow_the_longest() -> None:
    assert rounded_up(np.asarray([1, 8, 9, 20, 21]), 8, 21).tolist() == [8, 8, 16, 21, 21]
    assert rounded_up(np.asarray([1, 8, 9]), 1, 21).tolist() == [1, 8, 9]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("product_rows", [1, 2, 6, 4])
def test_a_matrix_product_does_not_show_how_many_rows_there_were(product_rows: int, threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    given_rows, layer = torch.randn(40, product_rows, 96), torch.nn.Linear(96, 80)
    try:
        with torch.inference_mode():
            expected = layer(given_rows)
            for count in range(1, 12):
                rows = filled_up(np.arange(count), False, product_rows)
                assert rows[:count].tolist() == list(range(count))
                assert torch.equal(layer(given_rows[rows])[:count], expected[:count])
    finally:
        torch.set_num_threads(before)


def test_a_batch_is_filled_no_more_than_it_has_to_be() -> None:
    assert [len(filled_up(np.arange(3), False, each)) for each in (1, 2, 4, 5, 6, 16)] == [16, 8, 4, 4, 4, 3]
    assert len(filled_up(np.arange(17), False, 1)) == 20
    assert filled_up(np.asarray([7, 9, 3]), True, 4).tolist() == [7, 9, 3, 7]
