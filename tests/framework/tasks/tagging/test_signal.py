"""Teachers with other tags, by their names, their scheme or a map of types."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BertConfig, BertForTokenClassification

from distil.framework.data.features import WindowSettings
from distil.framework.errors import ModelError
from distil.framework.predictors.logits import LogitsPredictor
from distil.framework.segments import softmax
from distil.framework.signals.algebra import to_dense
from distil.framework.tasks.base import InferenceConfig
from distil.framework.tasks.tagging.example import Tagged, joined
from distil.framework.tasks.tagging.features import unit_features
from distil.framework.tasks.tagging.metrics import best_tags
from distil.framework.tasks.tagging.signal import translated_tags, unit_logits
from distil.framework.tasks.tagging.tags import tag_set, to_bio
from distil.framework.tasks.tagging.task import Tagging
from tests.framework.tasks.tagging.texts import news, tokenizer

_TAGS = tag_set(("O", "B-person", "I-person", "B-place", "I-place"), "bio")


def _found(classes: list[str], masses: list[float], label_map: dict[str, str | None] | None) -> list[float]:
    logits = np.log(np.asarray(masses, np.float32))[:, None]
    first, second = translated_tags([logits, np.tile(logits, 2)], dict(enumerate(classes)), _TAGS, label_map)
    assert first.shape == (5, 1)
    assert second.shape == (5, 2)
    np.testing.assert_array_equal(second, np.tile(first, 2))
    return softmax(first[:, 0].astype(np.float64)).round(6).tolist()


def test_types_are_mapped_with_their_letters() -> None:
    classes = ["I-PER", "O", "B-PER", "B-LOC", "I-LOC", "B-MISC"]
    label_map = {"PER": "person", "LOC": "place", "MISC": "O"}
    assert _found(classes, [0.1, 0.3, 0.2, 0.05, 0.15, 0.2], label_map) == [0.5, 0.2, 0.1, 0.05, 0.15]
    without = {**label_map, "MISC": None}
    assert _found(classes, [0.1, 0.2, 0.2, 0.1, 0.15, 0.25], without)[0] == pytest.approx(0.2 / 0.75, abs=1e-5)


def test_classes_of_another_scheme_count_in_bio() -> None:
    classes = ["O", "B-person", "I-person", "E-person", "S-person", "U-place"]
    assert _found(classes, [0.3, 0.1, 0.1, 0.2, 0.1, 0.2], None) == [0.3, 0.2, 0.3, 0.2, 0.0]
    mapped = ["O", "B-PER", "E-PER", "S-PER"]
    assert _found(mapped, [0.4, 0.1, 0.2, 0.3], {"PER": "person"}) == [0.4, 0.4, 0.2, 0.0, 0.0]


def test_single_tags_may_be_mapped_too_and_own_ones_stay() -> None:
    assert _found(["LABEL_0", "LABEL_1"], [0.3, 0.7], {"LABEL_0": "O", "LABEL_1": "B-person"}) == [0.3, 0.7, 0, 0, 0]
    logits = [np.zeros((5, 3), np.float32)]
    assert translated_tags(logits, dict(enumerate(_TAGS.names)), _TAGS, None) is logits
    assert translated_tags([], {0: "O", 1: "B-person"}, _TAGS, None) == []


_OTHERS: dict[str, tuple[list[str], dict[str, str | None] | None]] = {
    "IOB1": (["O", "I-place", "B-place", "I-person"], None),
    "IOB1 with other types": (["O", "I-LOC", "B-LOC", "I-PER"], {"LOC": "place", "PER": "person"}),
    "IOB1 with all tags": (list(_TAGS.names), {"I-person": "person", "I-place": "place"}),
    "no B-": (["O", "I-person", "I-place"], None),
    "no letters": (["place", "person", "O"], None),
}


def _read(classes: list[str], said: list[str], label_map: dict[str, str | None] | None, seed: int) -> list[str]:
    """The tags that a teacher means that is sure of these."""
    example = Tagged("", "x", *joined(["дом"] * len(said)), None)
    features = unit_features([example], tokenizer(), WindowSettings(max_length=64, doc_stride=8))
    logits = np.random.default_rng(seed).normal(size=(len(classes), int(features.lengths[0])))
    logits[[classes.index(tag) for tag in said], features.place] = 30.0
    found = translated_tags([logits.astype(np.float32)], dict(enumerate(classes)), _TAGS, label_map)
    values = unit_logits(features, found, _TAGS)
    assert best_tags(softmax(values), features.units, _TAGS).tolist() == values.argmax(1).tolist()
    return [_TAGS.names[number] for number in values.argmax(1)]


@pytest.mark.parametrize("name", _OTHERS)
@settings(max_examples=20, deadline=None)
@given(numbers=st.lists(st.integers(0, 4), min_size=1, max_size=9), seed=st.integers(0, 99))
def test_entities_that_begin_with_i_are_read_as_the_same_tags_in_data(name: str, numbers: list[int], seed: int) -> None:
    classes, label_map = _OTHERS[name]
    said = [classes[number % len(classes)] for number in numbers]
    plain = [tag.replace("LOC", "place").replace("PER", "person") for tag in said]
    expected, _ = to_bio([tag if tag == "O" or "-" in tag else f"I-{tag}" for tag in plain])
    assert tuple(_read(classes, said, label_map, seed)) == expected


@settings(max_examples=20, deadline=None)
@given(tags=st.lists(st.sampled_from(_TAGS.names), min_size=1, max_size=9), seed=st.integers(0, 99))
def test_entities_with_ends_are_read_as_the_same_tags_in_data(tags: list[str], seed: int) -> None:
    classes = ["O", *(f"{letter}-{type}" for type in ("place", "person") for letter in "SEIB")]
    bio, _ = to_bio(tags)
    goes_on = [after.startswith("I") for after in [*bio[1:], "O"]]
    letters = {("B", False): "S", ("B", True): "B", ("I", False): "E", ("I", True): "I"}
    said = [tag if tag == "O" else f"{letters[tag[0], more]}{tag[1:]}" for tag, more in zip(bio, goes_on, strict=True)]
    assert tuple(_read(classes, said, None, seed)) == bio


def test_a_tiny_model_with_tags_of_iob1() -> None:
    """Each unit's probabilities, reckoned one by one from the model's own logits."""
    types = ("DATE", "LOC", "ORG", "PER")
    classes = ["O", *(f"I-{type}" for type in types), "B-LOC"]
    config = BertConfig(
        vocab_size=500, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        id2label=dict(enumerate(classes)), label2id={name: n for n, name in enumerate(classes)}, initializer_range=0.7,
    )  # fmt: skip
    torch.manual_seed(0)
    model = BertForTokenClassification(config).eval()
    task = Tagging(labels=["O", *(f"B-{type}" for type in types)])
    inference = InferenceConfig(task, WindowSettings(max_length=64, doc_stride=8), 4, "fp32")
    examples = news(5)
    found = to_dense(LogitsPredictor(model, tokenizer(), inference).signals(examples), 9)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)
    expected: list[Any] = []
    for example in examples:
        ids = tokenizer()(example.text, return_tensors="pt")
        with torch.no_grad():
            masses = model(**ids).logits[0].double().softmax(-1).numpy()
        before = np.zeros(4)
        for a, _ in example.units:
            mass = masses[ids.char_to_token(0, a)]
            begins = np.array([0.0, mass[5], 0.0, 0.0])
            inside = np.minimum(mass[1:5], np.maximum(before - begins, 0))
            expected.append([mass[0], *(begins + mass[1:5] - inside), *inside])
            before = mass[1:5] + begins
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize(
    ("classes", "label_map", "problem"),
    [
        (["LABEL_0", "LABEL_1"], None, "'LABEL_0', 'LABEL_1' have no names of their own"),
        (["O", "B-PER"], None, "'B-PER' are none of the task's labels"),
        (["O", "B-PER"], {"PRE": "person"}, "label_map maps 'PRE'"),
        (["O", "B-PER"], {"PER": "persons"}, "label_map maps to 'B-persons'"),
    ],
)
def test_tags_without_a_meaning_are_refused(
    classes: list[str], label_map: dict[str, str | None] | None, problem: str
) -> None:
    with pytest.raises(ModelError, match=problem):
        _found(classes, [1 / len(classes)] * len(classes), label_map)
