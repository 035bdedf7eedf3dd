"""Batches whose make-up nothing shows."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from framework.data.batch_invariance import filled_up, in_batches, rounded_up


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1)), min_size=1, max_size=30), st.integers(1, 7))
def test_every_row_is_in_one_batch_with_its_like(keys: list[tuple[int, int]], batch_size: int) -> None:
    batches = list(in_batches(np.asarray(keys), batch_size))
    assert sorted(row for rows in batches for row in rows) == list(range(len(keys)))
    for rows in batches:
        assert len({keys[row] for row in rows}) == 1
        assert len(rows) <= batch_size
    assert keys[batches[0][0]] == max(keys)


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
                rows = filled_up(np.arange(count), product_rows, 32, gpu=False)
                assert rows[:count].tolist() == list(range(count))
                assert torch.equal(layer(given_rows[rows])[:count], expected[:count])
    finally:
        torch.set_num_threads(before)


def test_a_batch_is_filled_no_more_than_it_has_to_be() -> None:
    assert [len(filled_up(np.arange(3), each, 32, gpu=False)) for each in (1, 2, 4, 5, 6, 16)] == [16, 8, 4, 4, 4, 3]
    assert len(filled_up(np.arange(17), 1, 32, gpu=False)) == 20
    assert filled_up(np.asarray([7, 9]), 4, 5, gpu=True).tolist() == [7, 9, 7, 9, 7]
