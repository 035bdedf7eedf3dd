"""Units and first bytes by the likeliest tokens alone: exact where all are told, and within what is not told where some are."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from distil.framework.signals.algebra import Signals
from distil.framework.signals.shards import as_stored
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.features import TextRows
from distil.framework.tasks.text.probabilities import FirstBytes, UnitLogits, places_of
from distil.framework.tasks.text.prompts import PLAIN
from distil.framework.tasks.text.reading import text_reader
from distil.framework.tasks.text.signal import signals_of_logits, weighed_as
from distil.framework.tasks.text.top_tokens import TopTokens, bits_of, joined, top_signals
from tests.framework.tasks.text.writers import tokenizer_of

EXAMPLES = [
    Written("1", "Гайдн", " — в Рорау, 1840."),
    Written("2", "The", " quick brown fox, isn't it?"),
    Written("3", "", "  a  "),
]


def rows_of(kind: str) -> TextRows:
    return text_reader(tokenizer_of(kind), PLAIN, 64).read(EXAMPLES)


def logits_of(rows: TextRows, seed: int, scale: float) -> list[torch.Tensor]:
    """Of the places of every row's completion, [tokens, V]: random, and those that stand there likelier."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for row in range(len(rows)):
        ids = torch.from_numpy(rows.input_ids[rows.slice_of(row)].astype(np.int64))[int(rows.begin[row]) :]
        logits = torch.randn(len(ids), len(rows.table.lengths), generator=generator) * scale
        found.append(logits.scatter_add(1, ids[:, None], torch.full((len(ids), 1), scale)))
    return found


def told(rows: TextRows, logits: list[torch.Tensor], most: int) -> TopTokens:
    """The likeliest tokens of each place, and the one that stands there."""
    parts = []
    for row, of_row in enumerate(logits):
        ids = rows.input_ids[rows.slice_of(row)][int(rows.begin[row]) :].astype(np.int64)
        log_p = of_row.double().log_softmax(-1).numpy()
        named = [{*np.argsort(-one)[:most].tolist(), int(id)} for one, id in zip(log_p, ids, strict=True)]
        place = np.repeat(np.arange(len(ids)), [len(one) for one in named])
        id = np.asarray([one for of_place in named for one in sorted(of_place)])
        parts.append(TopTokens(log_p[np.arange(len(ids)), ids], place, id, log_p[place, id]))
    return joined(parts)


def exact(rows: TextRows, logits: list[torch.Tensor], next_tokens: int = 0) -> Signals:
    whole = []
    for row, of_row in enumerate(logits):
        before = int(rows.begin[row]) - 1
        padded = torch.zeros(int(rows.lengths[row]), of_row.shape[1])
        padded[before : before + len(of_row)] = of_row
        whole.append(padded.numpy().T)
    return signals_of_logits(rows, whole, next_tokens)


def test_fewer_tokens_in_some_places_are_no_others_named_there() -> None:
    rows = rows_of("gpt2")
    all_of_them = told(rows, logits_of(rows, 0, 1.0), 3)
    place, other = all_of_them.place, all_of_them.other
    # In every other place those that are no likelier than what stands there.
    kept = (place % 2 == 0) | (other <= all_of_them.log_p[place])
    said = TopTokens(all_of_them.log_p, place[kept], all_of_them.id[kept], other[kept])
    found = top_signals(rows, said, 16)
    assert set(np.bincount(said.place).tolist()) == {1, 4}
    named = [found.keys[first:last].tolist() for first, last in zip(found.rows[:-1], found.rows[1:], strict=True)]
    sizes = np.diff(found.heads) - 2 * np.diff(rows.boundaries)
    of_tokens = [one for last, size in zip(found.heads[1:], sizes, strict=True) for one in named[last - size : last]]
    assert sorted(map(len, filter(None, of_tokens))) == sorted(np.bincount(said.place).tolist())


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), scale=st.floats(0.1, 8.0))
def test_with_all_tokens_told_nothing_is_taken_for_anything(kind: str, seed: int, scale: float) -> None:
    rows = rows_of(kind)
    logits = logits_of(rows, seed, scale)
    found, wanted = top_signals(rows, told(rows, logits, 10**6)), exact(rows, logits)
    for name in ("heads", "rows", "keys"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
    np.testing.assert_allclose(np.exp(found.log_p), np.exp(wanted.log_p), rtol=7e-4, atol=3e-6)
    # What is left beside a sure unit is little, in single precision.
    np.testing.assert_allclose(found.log_p, wanted.log_p, atol=0.2)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), scale=st.floats(0.1, 8.0), most=st.integers(0, 40))
def test_units_are_within_what_is_not_told(kind: str, seed: int, scale: float, most: int) -> None:
    """S is taken for its upper bound: a unit is too improbable by no more than S is too large where it begins, and too probable by no more than
    where it ends."""
    rows = rows_of(kind)
    logits = logits_of(rows, seed, scale)
    said = told(rows, logits, most)
    places = places_of(rows, np.arange(len(rows)), int(rows.lengths.max()))
    asked = UnitLogits(torch.cat(logits), FirstBytes.of(rows.table), places)
    may_begin = asked._may_begin.double().exp().numpy()
    named = np.bincount(said.place, np.exp(said.other), minlength=len(said.log_p))[places.at.numpy()]
    unseen = np.clip(1 - named, 0, None)
    everything = top_signals(rows, said)
    heads = np.flatnonzero((np.diff(everything.rows) == 2) & (everything.tail_size == 0))
    yes = everything.log_p[everything.rows[heads] + 1]
    number = places.whole.numpy()
    off = yes - asked.units.numpy()[number]
    loose = np.log1p(unseen / may_begin) + 1e-3
    after = np.append(loose[1:], 0.0)
    assert (off >= -loose[number]).all()
    assert (off <= np.where(places.last.numpy(), 1e-3, after)[number]).all()


def test_bits_are_those_of_tokens_whatever_else_is_told() -> None:
    rows = rows_of("llama")
    logits = logits_of(rows, 3, 2.0)
    few, many = (bits_of(rows, told(rows, logits, most)) for most in (0, 100))
    np.testing.assert_array_equal(few, many)
    ids = [rows.input_ids[rows.slice_of(row)][int(rows.begin[row]) :].astype(np.int64) for row in range(len(rows))]
    each = [one.double().log_softmax(-1)[range(len(id)), id].sum().item() for one, id in zip(logits, ids, strict=True)]
    np.testing.assert_allclose(few, np.asarray(each) / -np.log(2))


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_next_tokens_are_the_likeliest_that_are_told_and_the_others_are_one(kind: str) -> None:
    rows = rows_of(kind)
    logits = logits_of(rows, 5, 2.0)
    wanted = as_stored(exact(rows, logits, 7), 7)
    for most, told_of_each in ((7, 7), (10**6, 7), (0, 1)):
        found = as_stored(top_signals(rows, told(rows, logits, most), 7), 7)
        np.testing.assert_array_equal(found.heads, wanted.heads)
        alike = weighed_as(EXAMPLES, found)
        assert alike is not None
        of_tokens = np.flatnonzero(
            (alike + found.heads[:-1].repeat(np.diff(found.heads)) != np.arange(len(alike))) & found.said
        )
        assert len(of_tokens) == int((rows.lengths - rows.begin).sum())
        for head in of_tokens.tolist():
            mine, its = (slice(one.rows[head], one.rows[head + 1]) for one in (found, wanted))
            assert mine.stop - mine.start == told_of_each
            mass = float(np.exp(found.log_p[mine]).sum() + np.exp(found.tail[head]))
            assert mass == pytest.approx(1, abs=5e-3)
            if told_of_each == 7:
                assert found.keys[mine].tolist() == wanted.keys[its].tolist()
                np.testing.assert_allclose(found.log_p[mine], wanted.log_p[its], rtol=2e-3, atol=2e-3)
