"""Trimmed tokenizers: the same tokens on the texts that they were trimmed to, and some on all others."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from framework.errors import ModelError
from framework.students.vocabulary import trim_tokenizer
from tests.tokenizing import KINDS, texts, tokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
NAMES = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}


def cut(words: Any, text: str) -> list[tuple[str, tuple[int, int]]]:
    encoding = words.backend_tokenizer.encode(text, add_special_tokens=False)
    return list(zip(encoding.tokens, encoding.offsets, strict=True))


def of(model: Any) -> PreTrainedTokenizerFast:
    backend = Tokenizer(model)
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=backend, **NAMES)


def wordpiece(*pieces: str) -> PreTrainedTokenizerFast:
    vocab = {piece: number for number, piece in enumerate([*SPECIAL, *pieces])}
    return of(models.WordPiece(vocab, unk_token="[UNK]"))


def trimmed(words: Any, kept: Sequence[str], named: Sequence[int] = ()) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        return trim_tokenizer(words, kept, named, Path(folder))


@pytest.mark.parametrize("kind", KINDS)
@given(kept=st.lists(texts, min_size=1, max_size=4), other=texts)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_its_own_texts_are_cut_as_before_and_others_somehow(kind: str, kept: list[str], other: str) -> None:
    before = tokenizer(kind)
    after = trimmed(before, kept)
    for text in kept:
        assert cut(after, text) == cut(before, text)
    assert all(0 <= start <= end <= len(other) for _, (start, end) in cut(after, other))
    vocabulary = after.get_vocab()
    assert sorted(vocabulary.values()) == list(range(len(vocabulary)))
    assert set(vocabulary) <= set(before.get_vocab())
    assert sorted(vocabulary, key=lambda token: before.get_vocab()[token]) == sorted(
        vocabulary, key=lambda token: vocabulary[token]
    )


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_smaller_and_still_spells_other_words(kind: str) -> None:
    before = tokenizer(kind)
    after = trimmed(before, ["чай"])
    assert len(after) < len(before)
    assert len(cut(after, "Чайковский")) > len(cut(before, "Чайковский"))
    assert after.unk_token_id not in after("Чайковский")["input_ids"]
    assert after.convert_ids_to_tokens(after("чай", "чай")["input_ids"]) == before.convert_ids_to_tokens(
        before("чай", "чай")["input_ids"]
    )


def test_an_unknown_word_stays_unknown() -> None:
    # Without "xy", which nothing else needs, "xyz" could be spelt as "x" and "##yz".
    before = wordpiece("xy", "x", "z", "##yz", "spare")
    after = trimmed(before, ["xyz zyz"])
    assert [token for token, _ in cut(after, "xyz zyz")] == ["[UNK]", "z", "##yz"]
    assert "spare" not in after.get_vocab()


def test_an_unknown_character_costs_what_it_did() -> None:
    # "c" is only known inside of "ac"; how bad it is to leave it unknown depends on the lowest score of all.
    scores = {"x": -100.0, "a": -100.0, "ac": -100.0, "xa": -1.0, "zz": -1000.0, "spare": -2.0}
    before = of(models.Unigram([*((token, 0.0) for token in SPECIAL), *scores.items()], unk_id=1))
    after = trimmed(before, ["xac xa"])
    assert [token for token, _ in cut(after, "xac")] == ["x", "ac"]
    assert "spare" not in after.get_vocab()


def test_merges_that_are_left_have_their_parts_and_their_order() -> None:
    state = json.loads(trimmed(tokenizer("byte-level bpe"), ["композитор чай"]).backend_tokenizer.to_str())["model"]
    before = json.loads(tokenizer("byte-level bpe").backend_tokenizer.to_str())["model"]["merges"]
    assert state["merges"] == [pair for pair in before if {*pair, "".join(pair)} <= set(state["vocab"])]
    assert 0 < len(state["merges"]) < len(before)


def test_tokens_with_a_meaning_of_their_own_are_kept() -> None:
    before = wordpiece("да", "named", "spare")
    before.add_tokens(["<added>"])
    after = trimmed(before, ["да"], named=[before.get_vocab()["named"], 999])
    assert sorted(after.get_vocab(), key=after.get_vocab().__getitem__) == [*SPECIAL, "да", "named", "<added>"]
    assert [token for token, _ in cut(after, "да<added>")] == ["да", "<added>"]


def test_a_vocabulary_of_whole_words_is_refused() -> None:
    words = of(models.WordLevel({token: number for number, token in enumerate([*SPECIAL, "да"])}, unk_token="[UNK]"))
    with pytest.raises(ModelError, match=r"is of type WordLevel, but only .*; drop `trim`"):
        trimmed(words, ["да"])
