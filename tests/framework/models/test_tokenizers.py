"""Tokenizers trained by a run, and loaded ones told to keep case."""

import json
from pathlib import Path

import pytest

from framework.errors import ModelError
from framework.models.section import PretrainedTokenizer, TrainedTokenizer
from framework.models.tokenizers import load_tokenizer, train_tokenizer
from tests.tokenizing import KINDS

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


def test_a_folder_without_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no usable tokenizer"):
        load_tokenizer(tmp_path)
