"""Generative models tell labels by the likelihood of words."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from distil.framework.data.features import WindowSettings
from distil.framework.errors import DataError, RecipeError
from distil.framework.generative.training import Generation
from distil.framework.models.build import random_model, save_model
from distil.framework.models.configuration import new_config
from distil.framework.models.section import ConfigModel
from distil.framework.models.tokenizers import fit_to_model
from distil.framework.tasks.base import InferenceConfig
from distil.framework.tasks.classification.data import Text
from distil.framework.tasks.classification.signal import probabilities
from distil.framework.tasks.classification.task import Classification
from distil.framework.tasks.classification.verbalised import LabelPredictor, label_generation, label_prompts, words_of
from distil.framework.teachers.generative import Generative
from tests.framework.generative.tiny_models import SIZES, log_p_alone, sharpen
from tests.framework.tasks.classification.texts import messages, tokenizer

_LABELS = ["доставка", "оплата", "скидка"]
_WORDS = {"доставка": ["курьер", "посылка"], "оплата": "деньги"}


@pytest.fixture(scope="module", params=["t5", "gpt2"])
def predictor(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LabelPredictor:
    teacher = _teacher(request.param)
    assert isinstance(teacher.model, ConfigModel)
    folder: Path = tmp_path_factory.mktemp(request.param)
    config = new_config(teacher.model, len(tokenizer()), int(tokenizer().pad_token_id))
    model = random_model(teacher.model_kind(Classification(), config), config, 0)
    fit_to_model(tokenizer(), model.config)
    save_model(model, tokenizer(), folder)
    task = Classification(labels=_LABELS, verbaliser=_WORDS)
    found = teacher.predictor(
        folder, InferenceConfig(task, WindowSettings(max_length=40), batch_size=3, precision="fp32")
    )
    assert isinstance(found, LabelPredictor)
    sharpen(found.model)
    return found


def _teacher(architecture: str, **fields: Any) -> Generative:
    model = {"kind": "config", "architecture": architecture, "config": SIZES[architecture]}
    return Generative.model_validate(
        {"model": model, "tokenizer": {"kind": "wordpiece", "vocab_size": 500}, "fine_tune": {}, **fields}
    )


def test_a_label_is_as_probable_as_all_its_words_together(predictor: LabelPredictor) -> None:
    texts = messages(7)
    found = probabilities(predictor.signals(texts), 3, 7)[:, 0]
    model = predictor.model.eval()
    with torch.inference_mode():
        for row, text in zip(found, texts, strict=True):
            prompt = predictor.prompts.of(text)
            scores = [
                np.logaddexp.reduce([log_p_alone(model, predictor.prompts, prompt, word) for word in of_label])
                for of_label in predictor.prompts.words
            ]
            assert row == pytest.approx(np.exp(scores - np.logaddexp.reduce(scores)), abs=1e-4)
    predictions = predictor.predict(texts)
    assert [predictions[text.id]["label"] for text in texts] == [_LABELS[number] for number in found.argmax(1)]


def test_long_texts_leave_room_for_the_prompt_and_the_word(predictor: LabelPredictor) -> None:
    long = replace(messages(7)[0], text=" ".join(text.text for text in messages(7)))
    ids = predictor.prompts.of(long)
    assert len(ids) == predictor.prompts.length
    longest = max(len(word) for of_label in predictor.prompts.words for word in of_label)
    decoder_only = not predictor.prompts.generator.encoder_decoder
    assert predictor.prompts.length + (longest if decoder_only else 0) == 40
    with_pair = predictor.prompts.of(replace(long, pair="вторая"))
    shown = tokenizer().decode(with_pair)
    assert "вторая" in shown.replace(" ", "")


def test_teachers_learn_to_write_the_first_word_of_the_label(predictor: LabelPredictor) -> None:
    known = [text for text in messages(60) if text.gold and text.gold[0] in _LABELS]
    windows, teacher = predictor.inference.windows, _teacher(predictor.model.config.model_type)

    def items_of(texts: Sequence[Text]) -> Generation:
        return label_generation(texts, _LABELS, _WORDS, teacher, windows, tokenizer())

    items = items_of([*known, known[0].without_label()])
    assert len(items.prompts) == len(known)
    firsts = [words[0] for words in words_of(_LABELS, _WORDS)]
    for text, answer in zip(known, items.answers, strict=True):
        word = firsts[_LABELS.index(text.gold[0])]  # type: ignore[index]
        assert tokenizer().decode(answer, skip_special_tokens=True).replace(" ", "") == word
    with pytest.raises(DataError, match="of 1 text none has a label"):
        items_of([known[0].without_label()])


def test_labels_that_a_model_cannot_tell_apart_are_refused(predictor: LabelPredictor) -> None:
    with pytest.raises(RecipeError, match="'кот' and 'кот' are the same tokens"):
        label_prompts(tokenizer(), predictor.model.config, 40, None, [["кот"], ["кот"]])


def test_prompts_show_pairs_only_where_they_name_them(predictor: LabelPredictor) -> None:
    prompts = replace(predictor.prompts, template="{text} label:")
    with pytest.raises(RecipeError, match="is a pair: put the teacher's `prompt` right"):
        prompts.of(replace(messages(7)[0], pair="b"))
