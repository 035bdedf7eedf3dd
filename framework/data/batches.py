"""Which rows go through a model together: in training those of similar length, the same from the same seed, whatever the
number of workers; else those with which everything comes out as it would alone, bit for bit (see docs/signals.md)."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd, lcm

import numpy as np
from numpy.typing import NDArray

_POOL = 50  # batches whose windows are sorted together: enough for little padding, few enough to stay random

Rows = NDArray[np.int64]

_STEP = 4  # tokens: short rows are padded to a multiple of so many
_FEW = 8  # rows: on a GPU more come in multiples of so many
CPU_TOKENS, GPU_TOKENS = 4096, 32_768  # of a forward pass

# Found on CPUs with AVX2 and with AVX-512; both hold on either.
_ROWS = 4  # matrix products on a CPU go through so many rows at a time, and compute those left over another way
_FEWEST = 16  # and products of fewer rows are another kernel's


def epoch_batches(lengths: NDArray[np.int64], batch_size: int, seed: int, epoch: int) -> list[Rows]:
    """The batches of one epoch: numbers of windows, each exactly once; the last drawn batch may be smaller.

    Windows are shuffled, pooled, sorted by length within a pool and cut into batches, which are shuffled again.
    """
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(len(lengths))
    batches: list[Rows] = []
    for begin in range(0, len(order), batch_size * _POOL):
        pool = order[begin : begin + batch_size * _POOL]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches.extend(pool[at : at + batch_size] for at in range(0, len(pool), batch_size))
    return [batches[number] for number in random.permutation(len(batches))]


def epoch_steps(count: int, batch_size: int) -> int:
    """Batches of an epoch of `count` windows."""
    return -(-count // batch_size)


def accumulation_steps(batch_size: int, micro_batch: int | None, workers: int) -> int:
    """Forward passes of each worker in one optimizer step."""
    a_worker = -(-batch_size // workers)
    return 1 if micro_batch is None else -(-a_worker // micro_batch)


def micro_batches(batch: Rows, rank: int, workers: int, steps: int) -> Iterator[tuple[Rows, bool]]:
    """The `steps` micro-batches of worker `rank`, and whether each one counts.

    Workers take turns in the batch, so that all get similar lengths. All workers have to take the same number of steps,
    so one whose share is used up repeats a window that does not count.
    """
    share = batch[rank::workers]
    for part in np.array_split(share, steps):
        yield (part, True) if len(part) else (batch[:1], False)


@dataclass(frozen=True)
class BatchLimit:
    """What goes through a model at once: at most `tokens`, what fills rows up included, and at most `rows` rows; a row always
    does. gpu: whether the model is on one, where row counts come from a short list."""

    tokens: int
    rows: int | None = None
    gpu: bool = False

    def most(self, tokens: int) -> int:
        """Rows of so many tokens."""
        most = max(1, self.tokens // tokens)
        most = most if self.rows is None else min(most, self.rows)
        if not self.gpu:
            return most
        return most // _FEW * _FEW if most >= _FEW else 1 << (most.bit_length() - 1)


def alike(padded: NDArray[np.int64], lengths: NDArray[np.int64], limit: BatchLimit) -> NDArray[np.int64]:
    """What rows have to have in common that go through a model together, for `in_batches`. [N, 2]

    Transformers leaves out a mask that hides nothing, and attention is then computed another way; on a GPU, where row counts
    decide about rounding too, that counts for nothing.
    """
    return np.stack([padded, (padded == lengths) & (not limit.gpu)], 1)


def in_batches(keys: NDArray[np.int64], tokens: NDArray[np.int64], limit: BatchLimit) -> Iterator[Rows]:
    """All rows in batches with the same key, the greatest first, of about the same size. keys: [N, K]; tokens: of each row,
    the same for all of a key, [N]."""
    for key in np.unique(keys, axis=0)[::-1]:
        rows = np.flatnonzero((keys == key).all(1))
        yield from np.array_split(rows, -(-len(rows) // limit.most(int(tokens[rows[0]]))))


def padded_lengths(lengths: NDArray[np.int64], longest: int) -> NDArray[np.int64]:
    """The lengths to which rows of these lengths are padded: so many steps of 4 tokens, from 64 tokens on of an eighth of the
    power of two below, that no row gets more than an eighth; none above `longest`, but where a row is."""
    steps = np.maximum(2 ** np.floor(np.log2(np.maximum(lengths, 1))).astype(np.int64) // 8, _STEP)
    return np.maximum(np.minimum(-(-lengths // steps) * steps, longest), lengths)


def rounded_up(lengths: NDArray[np.int64], step: int, longest: int) -> NDArray[np.int64]:
    """The next multiples of `step`, none above `longest`."""
    return np.minimum(-(-lengths // step) * step, longest)


def listed(rows: int) -> int:
    """The next of the row counts that a GPU gets to see: 1, 2, 4, and multiples of 8."""
    return -(-rows // _FEW) * _FEW if rows > _FEW // 2 else 1 << (rows - 1).bit_length()


def filled_up(rows: Rows, gpu: bool, *product_rows: int) -> Rows:
    """A batch with some of its rows again: on a GPU as many as are listed, on a CPU so many that no matrix product shows how
    many there were. product_rows: for how many rows of a product each row stands, in every kind of product."""
    if gpu:
        return np.resize(rows, listed(len(rows)))
    step = lcm(*(_ROWS // gcd(_ROWS, each) for each in product_rows))
    wanted = max(len(rows), *(-(-_FEWEST // each) for each in product_rows))
    return np.resize(rows, -(-wanted // step) * step)
