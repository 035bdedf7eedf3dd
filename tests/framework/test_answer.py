"""Saved models that answer questions, of distil and of others."""

import json
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertForQuestionAnswering

from distil.framework.answer import Answerer, load_answerer, note_measuring, request_of, save_settings
from distil.framework.data.features import WindowSettings
from distil.framework.errors import DataError, ModelError
from distil.framework.tasks.base import InferenceConfig
from distil.framework.tasks.span_qa.task import ExtractiveQA
from tests.tokenizing import tokenizer

CONTEXT = "Анна родилась в Туле. " * 20


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A BERT with 64 positions, and its tokenizer."""
    words = tokenizer("wordpiece")
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=16,
        max_position_embeddings=64,
    )
    BertForQuestionAnswering(config).save_pretrained(tmp_path)
    words.save_pretrained(tmp_path)
    return tmp_path


def test_windows_are_no_longer_than_the_model_has_positions(saved: Path) -> None:
    answerer = load_answerer(saved)
    assert answerer.inference.windows.max_length == 64
    answer = answerer.answer(
        request_of(answerer.inference.task, {"question": "Где родилась Анна?", "context": CONTEXT})
    ).model_dump()
    assert answer["answer"] == CONTEXT[answer["start"] : answer["end"]]


@pytest.mark.parametrize(("threshold", "answered"), [(-100.0, False), (100.0, True)])
def test_a_run_asks_a_model_as_it_measured_it(threshold: float, answered: bool, saved: Path) -> None:
    task = ExtractiveQA(unanswerable=True)
    windows = WindowSettings(max_length=64, doc_stride=16, max_question=16)
    save_settings(saved, InferenceConfig(task, windows, 1, "fp32"), None)
    given = ExtractiveQA(null_threshold=threshold, unanswerable=True).model_dump(mode="json") | {"unanswerable": False}
    question = request_of(task, {"question": "Где родилась Анна?", "context": CONTEXT})

    def answers(answerer: Answerer) -> bool:
        return bool(answerer.answer(question).model_dump()["answer"])

    asked = load_answerer(saved, given=given)
    assert asked.inference.task == ExtractiveQA(null_threshold=threshold, unanswerable=True)
    assert answers(asked) is answered
    note_measuring(saved, given)
    assert answers(load_answerer(saved)) is answered


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "distil.json does not say how its model reads, as distil writes it: Expecting property name"),
        ("[]", "'list' object has no attribute 'get'"),
        (json.dumps({"task": {"kind": "mine:Task"}}), "cannot import 'mine:Task'"),
        (json.dumps({"windows": {"length": 3}}), "unknown key 'length'; did you mean 'max_length'"),
        (json.dumps({"teacher": {"kind": "nowhere:Teacher"}}), "cannot import 'nowhere:Teacher'"),
    ],
)
def test_settings_that_cannot_be_read_are_named(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "distil.json").write_text(content)
    with pytest.raises(ModelError, match=message):
        load_answerer(tmp_path)


def test_pickled_weights_are_not_read(saved: Path) -> None:
    torch.save(BertForQuestionAnswering.from_pretrained(saved).state_dict(), saved / "pytorch_model.bin")
    (saved / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"no \*\.safetensors"):
        load_answerer(saved)


@pytest.mark.parametrize(("question", "context"), [("Кто?\udcff", "Анна."), ("Кто?", "Анна\ud83d.")])
def test_what_is_no_legal_text_is_refused(saved: Path, question: str, context: str) -> None:
    with pytest.raises(
        DataError, match=r"holds half of a surrogate pair, or a byte that is not UTF-8, at character 4: take it out"
    ):
        request_of(load_answerer(saved).inference.task, {"question": question, "context": context})
