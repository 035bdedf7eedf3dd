"""Loaded tokenizers: told to keep case, and fitted to their models."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Regex, pre_tokenizers
from transformers import (
    AutoConfig,
    BertConfig,
    GPT2Config,
    LayoutLMv3Tokenizer,
    MarkupLMTokenizer,
    XLNetConfig,
)

from distil.framework.data.features import WindowSettings
from distil.framework.errors import ModelError
from distil.framework.models.locate import locate_tokenizer
from distil.framework.models.section import PretrainedTokenizer
from distil.framework.models.tokenizers import fit_to_model, load_model_tokenizer, load_tokenizer
from distil.framework.tasks.span_qa.data import QAExample as Example
from distil.framework.tasks.span_qa.windows import cut_windows
from tests.built_tokenizers import byte_level
from tests.tokenizing import tokenizer


def test_a_mixed_case_vocabulary_is_lower_cased_unless_told_otherwise(tmp_path: Path) -> None:
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "Мама", "мама"]
    (tmp_path / "vocab.txt").write_text("\n".join(vocabulary))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "vocab_size": 7}))
    assert load_tokenizer(tmp_path).tokenize("Мама") == ["мама"]
    cased = load_tokenizer(tmp_path, PretrainedTokenizer(lower_case=False))
    assert cased.tokenize("Мама") == ["Мама"]
    cased.save_pretrained(tmp_path / "saved")
    assert load_tokenizer(tmp_path / "saved").tokenize("Мама") == ["Мама"]


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


def test_dropout_of_a_saved_tokenizer_is_turned_off(tmp_path: Path) -> None:
    """Models trained with it have it in their tokenizer.json, and each reading of a text would be another."""
    trained = tokenizer("byte-level bpe")
    trained.save_pretrained(tmp_path)
    path = tmp_path / "tokenizer.json"
    state = json.loads(path.read_text())
    path.write_text(json.dumps({**state, "model": {**state["model"], "dropout": 0.9}}))
    read = load_tokenizer(tmp_path)
    text = "Пётр Ильич Чайковский родился в Воткинске"
    assert all(read(text).input_ids == trained(text).input_ids for _ in range(5))
    read.save_pretrained(tmp_path / "again")
    assert json.loads((tmp_path / "again" / "tokenizer.json").read_text())["model"]["dropout"] is None


def test_a_pattern_that_would_be_tried_without_end_is_refused() -> None:
    hangs = byte_level(pre_tokenizers.Split(Regex("(a|aa)+$"), "isolated"))
    examples = [Example("1", "Анна", "Где?", None), Example("2", "a" * 60 + "b", "Где?", None)]
    with pytest.raises(ModelError, match=r"cannot read a text \(Onig: .*retry-limit.*\); take another one"):
        cut_windows(examples, hangs, WindowSettings())
    assert len(cut_windows(examples[:1], hangs, WindowSettings())) == 1
