"""Generative models tag words by the lists of entities that they write."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from distil.framework.data.features import WindowSettings
from distil.framework.errors import DataError
from distil.framework.generative.asking import Asking
from distil.framework.models.build import random_model, save_model
from distil.framework.models.configuration import new_config
from distil.framework.models.section import ConfigModel
from distil.framework.models.tokenizers import fit_to_model
from distil.framework.signals.algebra import to_dense
from distil.framework.tasks.base import InferenceConfig
from distil.framework.tasks.tagging.entity_lists import Read
from distil.framework.tasks.tagging.generative import EntityPredictor, list_generation, mixed
from distil.framework.tasks.tagging.signal import from_tags
from distil.framework.tasks.tagging.task import Tagging
from distil.framework.teachers.generative import Generative
from tests.framework.generative.tiny_models import SIZES, log_p_alone, sharpen
from tests.framework.tasks.tagging.texts import news, tokenizer

_TASK = Tagging(labels=["O", "B-DATE", "B-LOC", "B-ORG", "B-PER"])
_TAGS = _TASK.tag_set
_L = len(_TAGS.names)


def _teacher(architecture: str, **fields: Any) -> Generative:
    model = {"kind": "config", "architecture": architecture, "config": SIZES[architecture]}
    values = {"model": model, "tokenizer": {"kind": "bpe", "vocab_size": 500}, "fine_tune": {}, "max_answer": 48}
    return Generative.model_validate({**values, "beams": 2, **fields})


@pytest.fixture(scope="module", params=["t5", "gpt2"])
def predictor(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> EntityPredictor:
    teacher = _teacher(request.param)
    assert isinstance(teacher.model, ConfigModel)
    folder: Path = tmp_path_factory.mktemp(request.param)
    config = new_config(teacher.model, len(tokenizer("bpe")), int(tokenizer("bpe").pad_token_id))
    model = random_model(teacher.model_kind(_TASK, config), config, 0)
    fit_to_model(tokenizer("bpe"), model.config)
    save_model(model, tokenizer("bpe"), folder)
    found = teacher.predictor(
        folder, InferenceConfig(_TASK, WindowSettings(max_length=160), batch_size=3, precision="fp32")
    )
    assert isinstance(found, EntityPredictor)
    sharpen(found.model)
    return found


def test_every_unit_has_the_mean_of_all_lists_by_their_likelihood(predictor: EntityPredictor) -> None:
    """A model that has learnt nothing writes no list; those of another teacher, and the empty one, it finds likely or not."""
    examples, lists, model = news(6), predictor.lists, predictor.model.eval()
    other = [list(example.tags or ()) for example in examples]
    wrong = [["B-LOC", *["O"] * (len(tags) - 1)] for tags in other]
    proposals = [from_tags(examples, said, _TAGS.names, 0.9) for said in (other, wrong)]
    found = to_dense(predictor.signals(examples, proposals), _L)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)
    at, parts = 0, 0
    with torch.inference_mode():
        for example, gold, bad in zip(examples, other, wrong, strict=True):
            for part in lists.parts(example):
                said = {lists.written(example, part, tags) for tags in (gold, bad)} | {""}
                scores = {text: log_p_alone(model, lists, part.prompt, lists.answer(text)) for text in said}
                total = np.logaddexp.reduce(list(scores.values()))
                units = part.last - part.first
                expected = np.full((units, _L), 1e-3 / _L)
                for text, score in scores.items():
                    for unit, tag in enumerate(lists.read(text, example, part).tags):
                        expected[unit, _TAGS.numbers[tag]] += (1 - 1e-3) * np.exp(score - total)
                np.testing.assert_allclose(found[at : at + units], expected, atol=2e-4)
                at, parts = at + units, parts + 1
    assert parts >= len(examples)
    assert at == len(found)


def test_predictions_say_what_share_is_not_there(predictor: EntityPredictor, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = news(3)
    lists = type(predictor.lists)
    monkeypatch.setattr(Asking, "scores", lambda self, known, length, answers: [np.zeros(len(one)) for one in answers])
    monkeypatch.setattr(lists, "text", lambda self, ids: "PER: Неттакого")
    found = predictor.predict(examples)
    assert [round(found[example.id]["unlocated"], 6) for example in examples] == [1.0] * 3
    assert all(set(found[example.id]["tags"]) == {"O"} for example in examples)
    monkeypatch.setattr(lists, "text", lambda self, ids: "")
    assert [one["unlocated"] for one in predictor.predict(examples).values()] == [0.0] * 3


@given(
    st.lists(st.lists(st.integers(0, _L - 1), min_size=4, max_size=4), min_size=1, max_size=5),
    st.lists(st.floats(-30, 0), min_size=5, max_size=5),
)
def test_lists_share_the_mass_of_each_unit(numbers: list[list[int]], log_mass: list[float]) -> None:
    read = [Read(tuple(_TAGS.names[n] for n in one), 0, 0) for one in numbers]
    weights = np.asarray(log_mass[: len(read)])
    found = mixed(read, weights, _TAGS)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-9)
    shares = np.exp(weights - np.logaddexp.reduce(weights))
    for unit in range(4):
        for tag in range(_L):
            said = sum(share for share, one in zip(shares, numbers, strict=True) if one[unit] == tag)
            assert found[unit, tag] == pytest.approx(0.999 * said + 1e-3 / _L, abs=1e-9)


def test_teachers_learn_to_write_the_entities_of_tagged_texts(predictor: EntityPredictor) -> None:
    windows, teacher = predictor.inference.windows, _teacher(predictor.model.config.model_type, max_answer=120)
    examples = news(20)
    items = list_generation([*examples, examples[0].without_label()], _TAGS, teacher, windows, tokenizer("bpe"))
    assert len(items.prompts) >= len(examples)
    first = tokenizer("bpe").decode(items.answers[0], skip_special_tokens=True)
    types = {tag[2:] for tag in examples[0].tags or () if tag != "O"}
    assert types
    assert all(type in first for type in types)
    with pytest.raises(DataError, match="of 1 text none has tags"):
        list_generation([examples[0].without_label()], _TAGS, teacher, windows, tokenizer("bpe"))
