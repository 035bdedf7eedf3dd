"""Tokenizers as they come with T5 and GPT-2: SentencePiece with </s>, and byte-level BPE without a padding token."""

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import BertConfig, GPT2Tokenizer, T5Tokenizer

from distil.framework.data.features import WindowSettings
from distil.framework.errors import ModelError
from distil.framework.models.build import random_model, save_model
from distil.framework.models.configuration import new_config
from distil.framework.models.section import ConfigModel
from distil.framework.models.tokenizers import fit_to_model, load_model_tokenizer, load_tokenizer, within_rows
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import run
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.span_qa.generative import GenerativePredictor
from distil.framework.tasks.span_qa.prompts import prompts_for
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.teachers.generative import Generative
from tests.framework.generative.tiny_models import SIZES, inference
from tests.tiny import tiny_values
from tests.tokenizing import tokenizer

EXAMPLE = QAExample("a", "Пётр  родился в Воткинске. ", " Где родился Пётр?", None)
END = "<|endoftext|>"


def sentencepiece() -> Any:
    special = [(token, 0.0) for token in ("<pad>", "</s>", "<unk>")]
    words = [("▁question", -3.0), ("▁context", -3.0), ("▁родился", -3.0), ("▁Где", -3.0), ("▁", -2.0)]
    letters = [(letter, -6.0) for letter in "абвгдеёжзийклмнопрстуфхцчшщъыьэюяВГП:.?"]
    return T5Tokenizer(vocab=[*special, *words, *letters], extra_ids=0)


def byte_level() -> Any:
    trained = tokenizer("byte-level bpe")
    letters = [token for token in trained.get_vocab() if len(token) == 1]
    return GPT2Tokenizer(vocab={token: number for number, token in enumerate([END, *sorted(letters)])}, merges=[])


def folder(architecture: str, words: Any, path: Path) -> Path:
    config = new_config(ConfigModel(architecture=architecture, config=SIZES[architecture]), len(words), 0)
    teacher = Generative.model_validate({"model": {"kind": "folder", "path": str(path)}})
    model = random_model(teacher.model_kind(ExtractiveQA(), config), config, 0)
    fit_to_model(words, config)
    save_model(model, words, path)
    return path


@pytest.mark.parametrize(("architecture", "make"), [("t5", sentencepiece), ("gpt2", byte_level)])
def test_prompts_are_what_the_model_is_used_to(architecture: str, make: Any, tmp_path: Path) -> None:
    words = make()
    teacher = Generative.model_validate({"model": {"kind": "folder", "path": str(tmp_path)}, "max_answer": 16})
    path = folder(architecture, words, tmp_path)
    predictor = teacher.predictor(
        path, inference(windows=WindowSettings(max_length=250, doc_stride=16, max_question=64))
    )
    assert isinstance(predictor, GenerativePredictor)
    whole = {
        "t5": "question: Где родился Пётр? context: Пётр  родился в Воткинске. ",
        "gpt2": "Пётр  родился в Воткинске. \nquestion: Где родился Пётр?\nanswer:",
    }
    prompts = predictor.prompts
    assert prompts.of(EXAMPLE)[0].ids.tolist() == make()(whole[architecture])["input_ids"]
    expected = {"t5": make()("Где")["input_ids"], "gpt2": [*make()(" Где")["input_ids"], 0]}
    assert prompts.answer("Где").tolist() == expected[architecture]
    assert prompts.special.end == words.eos_token_id
    assert set(predictor.predict([EXAMPLE])) == {"a"}


def test_a_decoder_pads_with_its_end_of_text_and_an_encoder_does_not(tmp_path: Path) -> None:
    loaded = load_model_tokenizer(folder("gpt2", byte_level(), tmp_path))
    assert loaded.pad_token == END
    with pytest.raises(ModelError, match="no padding token"):
        fit_to_model(byte_level(), BertConfig(vocab_size=5000))


RUSSIAN = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>", "mask_token": "<mask>"}
LAYOUTS: dict[str, dict[str, Any]] = {
    "vocabulary alone": {},
    "special tokens named": {"special_tokens_map.json": RUSSIAN},
    "one token too many": {"added_tokens.json": {END: 261}},
}


def russian(path: Path, files: dict[str, Any]) -> Path:
    """A model like ruGPT-3, whose vocabulary has RoBERTa's special tokens, and no <|endoftext|>, which its class adds."""
    letters = sorted(token for token in tokenizer("byte-level bpe").get_vocab() if len(token) == 1)
    vocabulary = ["<pad>", "<s>", "</s>", "<unk>", "<mask>", *letters]
    config = new_config(ConfigModel(architecture="gpt2", config=SIZES["gpt2"]), len(vocabulary), 0)
    teacher = Generative.model_validate({"model": {"kind": "folder", "path": str(path)}})
    random_model(teacher.model_kind(ExtractiveQA(), config), config, 0).save_pretrained(path)
    (path / "merges.txt").write_text("#version: 0.2\n")
    content = {"vocab.json": {token: number for number, token in enumerate(vocabulary)}, **files}
    for name, values in content.items():
        (path / name).write_text(json.dumps(values))
    return path


@pytest.mark.parametrize("layout", LAYOUTS)
def test_special_tokens_without_a_row_give_way_to_those_of_the_vocabulary(layout: str, tmp_path: Path) -> None:
    path = russian(tmp_path / "gpt", LAYOUTS[layout])
    loaded = load_tokenizer(path)
    words = within_rows(loaded, BertConfig(vocab_size=261))
    fit_to_model(words, new_config(ConfigModel(architecture="gpt2"), 261, 0))
    assert (len(words), words.eos_token, words.bos_token) == (261, "</s>", "<s>")
    assert words.pad_token == ("<pad>" if layout == "special tokens named" else "</s>")
    text = f"да  нет {END}"
    assert max(words(text)["input_ids"]) < 261
    assert words.decode(words(text)["input_ids"]) == text
    assert words("да  нет")["input_ids"] == loaded("да  нет")["input_ids"]
    assert words.decode([2, *words("да")["input_ids"], 2], skip_special_tokens=True) == "да"


def test_a_tokenizer_that_fits_and_one_that_is_anothers_stay_as_they_are(tmp_path: Path) -> None:
    words = byte_level()
    assert within_rows(words, BertConfig(vocab_size=len(words))) is words
    words.add_tokens(["слово"])
    fewer = BertConfig(vocab_size=len(words) - 1)
    with pytest.raises(ModelError, match="use the tokenizer that the model was trained with"):
        fit_to_model(within_rows(words, fewer), fewer)


def test_a_model_with_such_a_tokenizer_is_fine_tuned_and_asked(tmp_path: Path) -> None:
    section = {
        "kind": "generative",
        "model": {"kind": "folder", "path": str(russian(tmp_path / "gpt", {}))},
        "fine_tune": {"epochs": 1},
        "prompt": "{question} {context}",
        "windows": {"max_length": 250, "doc_stride": 16, "max_question": 100},
        "beams": 2,
        "max_answer": 4,
    }
    data = {"kind": "synthetic", "examples": {"train": 4, "validation": 4}, "facts": 2, "fillers": 0}
    changes = {"data__source": data, "teachers": {"gpt": section}, "student": None, "losses": None, "baselines": None}
    results = run(recipe_from_values(tiny_values(tmp_path, **changes, evaluation__latency_questions=0), "here"))
    (record,) = results["models"]
    assert record["evaluation"] is not None
    saved = load_model_tokenizer(tmp_path / record["folder"])
    assert (len(saved), saved.eos_token, saved.pad_token) == (261, "</s>", "</s>")


def test_a_begin_of_text_that_the_tokenizer_puts_first_is_kept() -> None:
    from tokenizers.processors import TemplateProcessing

    words = byte_level()
    words.backend_tokenizer.post_processor = TemplateProcessing(single=f"{END} $A", special_tokens=[(END, 0)])
    config = new_config(ConfigModel(architecture="gpt2"), len(words), 0)
    (prompt,) = prompts_for(words, config, inference().windows, 4, "{context} {question}").of(
        QAExample("a", "да", "нет", None)
    )
    assert prompt.ids.tolist() == words("да нет")["input_ids"]
    assert prompt.ids[0] == 0


def test_a_tokenizer_that_cannot_end_a_text_is_refused() -> None:
    words = byte_level()
    words.eos_token = None
    config = new_config(ConfigModel(architecture="gpt2"), len(words), 0)
    with pytest.raises(ModelError, match="neither an end-of-text token nor"):
        prompts_for(words, config, inference().windows, 4, None)
