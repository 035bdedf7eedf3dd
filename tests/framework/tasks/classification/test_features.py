"""Texts become rows of tokens: cut, or in windows that overlap."""

from dataclasses import replace

import pytest

from distil.framework.data.features import WindowSettings
from distil.framework.errors import RecipeError
from distil.framework.tasks.classification.features import text_features
from tests.framework.tasks.classification.texts import messages, tokenizer

_TEXTS = messages(30)


def _rows(texts, windows, long_texts):  # type: ignore[no-untyped-def]
    """Every row's tokens, and whose it is."""
    found = text_features(texts, tokenizer(), windows, long_texts)
    rows = [found.input_ids[found.slice_of(row)].tolist() for row in range(len(found))]
    return rows, found.example.tolist(), found


def test_short_texts_are_read_as_the_tokenizer_has_them() -> None:
    rows, owners, found = _rows(_TEXTS, WindowSettings(max_length=256), "truncate")
    assert owners == list(range(30))
    assert rows == [tokenizer()(text.text)["input_ids"] for text in _TEXTS]
    assert found.lengths.tolist() == [len(row) for row in rows]
    assert _rows(_TEXTS, WindowSettings(max_length=256, doc_stride=8), "pool")[0] == rows


def test_long_texts_are_cut() -> None:
    rows, owners, _ = _rows(_TEXTS, WindowSettings(max_length=16), "truncate")
    assert owners == list(range(30))
    whole = [tokenizer()(text.text)["input_ids"] for text in _TEXTS]
    assert any(len(row) > 16 for row in whole)
    for row, full in zip(rows, whole, strict=True):
        assert row == (full if len(full) <= 16 else [*full[:15], full[-1]])


def test_windows_show_the_whole_text_and_overlap() -> None:
    stride, length = 4, 16
    rows, owners, _ = _rows(_TEXTS, WindowSettings(max_length=length, doc_stride=stride), "pool")
    for number, text in enumerate(_TEXTS):
        parts = [row[1:-1] for row, owner in zip(rows, owners, strict=True) if owner == number]
        joined = parts[0] + [token for part in parts[1:] for token in part[stride:]]
        assert joined == tokenizer()(text.text, add_special_tokens=False)["input_ids"]
        assert all(len(part) <= length - 2 for part in parts)


def test_pairs_stand_in_one_row_and_may_stand_beside_single_texts() -> None:
    texts = [_TEXTS[0], replace(_TEXTS[1], pair=_TEXTS[2].text), _TEXTS[3]]
    rows, owners, _ = _rows(texts, WindowSettings(max_length=256), "truncate")
    assert owners == [0, 1, 2]
    assert rows[1] == tokenizer()(texts[1].text, texts[1].pair)["input_ids"]


def test_the_second_of_a_pair_stands_in_every_window() -> None:
    texts = [replace(_TEXTS[0], text=" ".join(text.text for text in _TEXTS[:4]), pair=_TEXTS[5].text)]
    rows, owners, _ = _rows(texts, WindowSettings(max_length=48, doc_stride=4), "pool")
    assert len(rows) > 2
    assert set(owners) == {0}
    second = tokenizer()(texts[0].pair, add_special_tokens=False)["input_ids"][:24]
    assert all(row[-1 - len(second) : -1] == second for row in rows)


def test_windows_without_room_are_refused() -> None:
    with pytest.raises(RecipeError, match="leaves 14 tokens of a text in each window"):
        _rows(_TEXTS, WindowSettings(max_length=16, doc_stride=14), "pool")
