"""Tokenizers trained by a run."""

import copy
import hashlib
import json
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import BertConfig, LongformerConfig

from distil.framework.errors import ModelError
from distil.framework.models.section import TrainedTokenizer
from distil.framework.models.tokenizer_training import pieces_of, separate, train_tokenizer
from distil.framework.models.tokenizers import load_tokenizer
from tests.tokenizing import KINDS, tokenizer

TEXTS = [f"Анна Петрова родилась в городе номер {number}, а Пётр — нет." for number in range(60)]


@pytest.mark.parametrize("kind", KINDS)
def test_training_is_reproducible_and_survives_saving(kind: str, tmp_path: Path) -> None:
    first, second = (train_tokenizer(TrainedTokenizer(**KINDS[kind]), TEXTS) for _ in range(2))
    assert first.get_vocab() == second.get_vocab()
    assert first.backend_tokenizer.to_str() == second.backend_tokenizer.to_str()
    assert len(first) <= KINDS[kind]["vocab_size"]
    first.save_pretrained(tmp_path)
    text = "Пётр Петров родился, ура!"
    assert load_tokenizer(tmp_path)(text)["input_ids"] == first(text)["input_ids"]
    assert first.convert_ids_to_tokens(first("а", "б")["input_ids"]).count("[SEP]") == 2
    assert first.unk_token_id not in first("Анна Петрова")["input_ids"]


def test_every_process_trains_the_same_tokenizers() -> None:
    code = (
        "import hashlib, json, sys; from distil.framework.models.section import TrainedTokenizer;"
        "from distil.framework.models.tokenizer_training import train_tokenizer; kinds, texts = json.loads(sys.argv[1]);"
        "trained = [train_tokenizer(TrainedTokenizer(**kind), texts).backend_tokenizer.to_str() for kind in kinds];"
        "print(json.dumps([hashlib.sha256(one.encode()).hexdigest() for one in trained]))"
    )
    command = [sys.executable, "-c", code, json.dumps([list(KINDS.values()), TEXTS])]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True)
    here = [train_tokenizer(TrainedTokenizer(**kind), TEXTS).backend_tokenizer.to_str() for kind in KINDS.values()]
    assert len(set(here)) == len(KINDS)
    assert json.loads(done.stdout) == [hashlib.sha256(one.encode()).hexdigest() for one in here]


@pytest.mark.parametrize("kind", ["wordpiece", "bpe", "unigram"])
def test_a_vocabulary_too_small_for_the_letters_is_refused(kind: str) -> None:
    letters = "".join(chr(number) for number in range(0x430, 0x430 + 32)) + "abcdefghijklmnopqrstuvwxyz0123456789"
    with pytest.raises(ModelError, match=f"a {kind} tokenizer with vocab_size 64 .*; raise vocab_size"):
        train_tokenizer(TrainedTokenizer(kind=kind, vocab_size=64), [letters])


@pytest.mark.parametrize("kind", ["wordpiece", "bpe", "unigram"])
def test_long_texts_are_learnt_from_too(kind: str) -> None:
    """The trainer of SentencePiece would leave out what is longer than 4192 bytes."""
    trained = train_tokenizer(TrainedTokenizer(kind=kind, vocab_size=320), ["дорога домой далека " * 500])
    assert trained.unk_token_id not in trained("дорога далека")["input_ids"]


@given(st.lists(st.tuples(st.sampled_from("а  \n.Б"), st.sampled_from([1, 3, 999, 1000, 1001, 2500])), max_size=6))
def test_texts_are_cut_only_inside_of_endless_words(runs: list[tuple[str, int]]) -> None:
    text = "".join(letter * count for letter, count in runs)
    pieces = list(pieces_of(text))
    assert "".join(pieces) == text
    assert all(len(run) <= 1000 for piece in pieces for run in re.findall(r"\S+|\s+", piece))
    longest = max(map(len, re.findall(r"\S+|\s+", text)), default=0)
    assert longest >= 1000 or pieces == [text]


@pytest.mark.parametrize("kind", ["wordpiece", "bpe"])
def test_a_word_without_end_is_learnt_from_in_pieces(kind: str) -> None:
    word = "".join(random.Random(0).choices("абвгдеж", k=100_000))
    tokenizer = train_tokenizer(TrainedTokenizer(kind=kind, vocab_size=400), [*TEXTS, word])
    assert tokenizer.unk_token_id not in tokenizer("Анна Петрова")["input_ids"]
    assert len(tokenizer.tokenize(word[:90])) < 60


def test_longformer_gets_three_separators() -> None:
    own = copy.deepcopy(tokenizer("wordpiece"))
    separate(own, BertConfig())
    assert own("да", "чай")["input_ids"].count(own.sep_token_id) == 2
    separate(own, LongformerConfig())
    read = own("да", "чай", return_token_type_ids=True)
    assert read["input_ids"].count(own.sep_token_id) == 3
    assert (read["input_ids"][0], read["token_type_ids"][-1]) == (own.cls_token_id, 1)
