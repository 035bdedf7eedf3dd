import numpy as np

from distil.framework.data.features import TokenRows


def test_rows_know_their_tokens_and_their_examples() -> None:
    rows = TokenRows(
        rows=np.asarray([0, 2, 5, 6]),
        input_ids=np.arange(6, dtype=np.int32),
        token_types=None,
        example=np.asarray([0, 2, 2], np.int32),
    )
    assert len(rows) == 3
    assert rows.lengths.tolist() == [2, 3, 1]
    assert rows.input_ids[rows.slice_of(1)].tolist() == [2, 3, 4]
    assert rows.of_examples(4).tolist() == [0, 1, 1, 3, 3]
