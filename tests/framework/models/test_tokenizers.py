"""Tokenizers trained by a run, and loaded ones told to keep case."""

import copy
import hashlib
import json
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import (
    AutoConfig,
    BertConfig,
    GPT2Config,
    LayoutLMv3Tokenizer,
    LongformerConfig,
    MarkupLMTokenizer,
    XLNetConfig,
)

from framework.errors import ModelError
from framework.models.locate import locate_tokenizer
from framework.models.section import PretrainedTokenizer, TrainedTokenizer
from framework.models.tokenizer_training import pieces_of, separate, train_tokenizer
from framework.models.tokenizers import fit_to_model, load_model_tokenizer, load_tokenizer
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


def test_a_mixed_case_vocabulary_is_lower_cased_unless_told_otherwise(tmp_path: Path) -> None:
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "Мама", "мама"]
    (tmp_path / "vocab.txt").write_text("\n".join(vocabulary))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "vocab_size": 7}))
    assert load_tokenizer(tmp_path).tokenize("Мама") == ["мама"]
    cased = load_tokenizer(tmp_path, PretrainedTokenizer(lower_case=False))
    assert cased.tokenize("Мама") == ["Мама"]
    cased.save_pretrained(tmp_path / "saved")
    assert load_tokenizer(tmp_path / "saved").tokenize("Мама") == ["Мама"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_process_trains_the_same_tokenizer(kind: str) -> None:
    code = (
        "import hashlib, json, sys; from framework.models.section import TrainedTokenizer;"
        "from framework.models.tokenizer_training import train_tokenizer; settings, texts = json.loads(sys.argv[1]);"
        "trained = train_tokenizer(TrainedTokenizer(**settings), texts).backend_tokenizer.to_str();"
        "print(hashlib.sha256(trained.encode()).hexdigest())"
    )
    command = [sys.executable, "-c", code, json.dumps([KINDS[kind], TEXTS])]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True)
    here = train_tokenizer(TrainedTokenizer(**KINDS[kind]), TEXTS).backend_tokenizer.to_str()
    assert done.stdout.strip() == hashlib.sha256(here.encode()).hexdigest()


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


@pytest.mark.parametrize("kind", ["byte-level bpe", "unigram"])
def test_case_is_only_set_where_there_is_a_normaliser_for_it(kind: str, tmp_path: Path) -> None:
    tokenizer(kind).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="`lower_case` could be set; drop that option"):
        load_tokenizer(tmp_path, PretrainedTokenizer(lower_case=True))


def test_a_trained_tokenizer_can_be_told_to_lower_case(tmp_path: Path) -> None:
    tokenizer("wordpiece").save_pretrained(tmp_path)
    lowered = load_tokenizer(tmp_path, PretrainedTokenizer(lower_case=True))
    assert lowered.tokenize("ЧАЙ И МАЙКА") == lowered.tokenize("чай и майка")
    assert load_tokenizer(tmp_path).tokenize("ЧАЙ") != lowered.tokenize("чай")


@pytest.mark.parametrize("architecture", ["qwen2", "qwen3_5_text", "phi3"])
def test_a_trained_tokenizer_is_read_as_it_was_saved_whatever_the_model(architecture: str, tmp_path: Path) -> None:
    """AutoTokenizer makes a Qwen2Tokenizer of it, which adds a token and loses all words."""
    trained = tokenizer("wordpiece")
    trained.save_pretrained(tmp_path)
    AutoConfig.for_model(architecture, vocab_size=len(trained)).save_pretrained(tmp_path)
    read = load_model_tokenizer(tmp_path)
    assert (len(read), read.all_special_tokens) == (len(trained), trained.all_special_tokens)
    assert read("Анна живёт в Туле.", "Где?").input_ids == trained("Анна живёт в Туле.", "Где?").input_ids


def test_a_tokenizer_larger_than_the_model_is_refused() -> None:
    with pytest.raises(ModelError, match="and the bert model only 50"):
        fit_to_model(tokenizer("wordpiece"), BertConfig(vocab_size=50))


def test_a_folder_without_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no usable tokenizer"):
        load_tokenizer(tmp_path)
    BertConfig().save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="no tokenizer in"):
        load_tokenizer(tmp_path)


def test_a_folder_may_be_named_from_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine").mkdir()
    assert locate_tokenizer("~/mine", None) == tmp_path / "mine"


def test_longformer_gets_three_separators() -> None:
    own = copy.deepcopy(tokenizer("wordpiece"))
    separate(own, BertConfig())
    assert own("да", "чай")["input_ids"].count(own.sep_token_id) == 2
    separate(own, LongformerConfig())
    read = own("да", "чай", return_token_type_ids=True)
    assert read["input_ids"].count(own.sep_token_id) == 3
    assert (read["input_ids"][0], read["token_type_ids"][-1]) == (own.cls_token_id, 1)


def test_xlnet_is_told_question_and_context_apart() -> None:
    own = copy.deepcopy(tokenizer("unigram"))
    fit_to_model(own, XLNetConfig(vocab_size=1000))
    assert set(own("да", "чай")["token_type_ids"]) == {0, 1}
    fit_to_model(own, GPT2Config(vocab_size=1000))  # which would read them as words
    assert "token_type_ids" not in own("да", "чай")


@pytest.mark.parametrize("made", [LayoutLMv3Tokenizer(), MarkupLMTokenizer(tags_dict={})])
def test_a_tokenizer_that_wants_places_on_a_page_is_refused(made: Any, tmp_path: Path) -> None:
    made.save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_text(tokenizer("byte-level bpe").backend_tokenizer.to_str(), encoding="utf-8")
    with pytest.raises(ModelError, match=rf"{type(made).__name__} .* does not take a question and a context alone"):
        load_tokenizer(tmp_path)
