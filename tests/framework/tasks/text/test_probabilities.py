"""What models with unlike tokenizers think of the units of a text."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from distil.framework.signals.algebra import Signals, log_likelihood
from distil.framework.signals.source import OneTeacher
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.features import TextRows, text_features
from distil.framework.tasks.text.items import text_items
from distil.framework.tasks.text.predictor import shown_bytes
from distil.framework.tasks.text.probabilities import FirstBytes, UnitLogits, places_of
from distil.framework.tasks.text.signal import YES, bits, said, write_units
from distil.framework.tasks.text.task import Text
from distil.framework.tasks.text.token_bytes import END, OUTCOMES, TokenBytes, token_bytes
from distil.framework.training.items import model_inputs
from tests.framework.tasks.text.writers import tokenizer_of

_TEXTS = ["Пётр Ильич родился в 1840 году, а Гайдн — в Рорау.", "The quick brown fox, isn't it? (998)"] * 3


def _byte_level(size: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<end>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(_TEXTS, trainer)
    return tokenizer


@cache
def _tokenizer(kind: str) -> Any:
    tokenizer = {"bytes": lambda: _byte_level(257), "byte-level": lambda: _byte_level(330)}[kind]()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", pad_token="<end>")


@cache
def _model(kind: str) -> tuple[TokenBytes, Any]:
    tokenizer = _tokenizer(kind)
    table = token_bytes(tokenizer, [0])
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_embd=16,
        n_layer=1,
        n_head=2,
        n_positions=512,
        initializer_range=0.5,
        bos_token_id=0,
        eos_token_id=0,
    )
    return table, GPT2LMHeadModel(config).eval()


def _asked(kind: str, examples: list[Written]) -> tuple[TextRows, UnitLogits]:
    table, model = _model(kind)
    features = text_features(examples, _tokenizer(kind), table, 0, [], 512)
    rows = np.arange(len(examples))
    with torch.inference_mode():
        logits = model(**model_inputs(features, rows, 0)).logits
        places = places_of(features, rows, logits.shape[1])
        return features, UnitLogits(logits.flatten(0, 1)[places.token], FirstBytes.of(table), places)


_text = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(list(" ab.,1'\n🙂é日")), max_size=40)
_examples = st.lists(st.tuples(_text, _text), min_size=1, max_size=4).map(
    lambda texts: [Written(str(number), *both) for number, both in enumerate(texts)]
)


@pytest.mark.parametrize("kind", ["bytes", "byte-level"])
@given(examples=_examples)
@settings(max_examples=25)
def test_probabilities_of_first_bytes_sum_to_1(kind: str, examples: list[Written]) -> None:
    _, asked = _asked(kind, examples)
    assert asked.first_bytes.exp().sum(-1).numpy() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("kind", ["bytes", "byte-level"])
@given(examples=_examples)
@settings(max_examples=25)
def test_units_together_are_the_text(kind: str, examples: list[Written]) -> None:
    """Masses of what may begin cancel out, but for the first."""
    _, asked = _asked(kind, examples)
    places = asked.places
    if not bool(places.whole.all()):
        return
    owner = torch.repeat_interleave(torch.arange(len(examples)), places.count)
    first = torch.cumsum(places.count, 0) - places.count
    of_units = torch.zeros(len(examples)).index_add(0, owner, asked.units)
    of_tokens = torch.zeros(len(examples)).index_add(0, places.item, asked.tokens)
    expected = of_tokens - asked._may_begin[first]
    assert of_units.numpy() == pytest.approx(expected.numpy(), abs=1e-2, rel=1e-4)


@given(examples=_examples)
@settings(max_examples=25)
def test_a_unit_of_one_byte_is_its_first_byte_and_no_more(examples: list[Written]) -> None:
    """With one token a byte, a unit of one byte has the probability of that byte, times that of another class to follow."""
    features, asked = _asked("bytes", examples)
    places = asked.places
    number = places.number.numpy()
    one = (features.sizes[number] == 1) & ~places.last.numpy()
    byte = places.target[places.at]  # tokens 1 to 256 are bytes
    first = torch.from_numpy(_model("bytes")[0].first)[byte]
    of_first = asked.first_bytes.gather(1, first[:, None])[:, 0]
    assert (asked.units <= of_first + 1e-4)[torch.from_numpy(one)].all()


@given(examples=_examples)
@settings(max_examples=25)
def test_the_end_is_the_outcome_of_its_own(examples: list[Written]) -> None:
    _, asked = _asked("byte-level", examples)
    last = asked.places.last
    assert asked.units[last].numpy() == pytest.approx(asked.first_bytes[last, END].numpy(), abs=1e-5)


@given(examples=_examples)
@settings(max_examples=25)
def test_signals_hold_what_the_model_says(examples: list[Written]) -> None:
    features, asked = _asked("byte-level", examples)
    signals = write_units(asked.first_bytes.numpy(), asked.units.numpy(), asked.places)
    assert signals.heads.tolist() == (2 * features.boundaries).tolist()
    taken, size = bits(signals, features.sizes)
    whole = asked.places.whole
    owner = np.repeat(np.arange(len(examples)), asked.places.count.numpy())[asked.places.number.numpy()]
    expected = np.zeros(len(examples))
    np.add.at(expected, owner[whole.numpy()], -asked.units[whole].double().numpy() / np.log(2))
    assert taken == pytest.approx(expected, rel=1e-4, abs=1e-3)
    assert (size <= [len(example.completion.encode()) for example in examples]).all()
    heads = np.diff(signals.rows)[said(signals)]
    assert (heads >= 1).all()
    assert set(signals.keys[signals.rows[:-1][said(signals)]].tolist()) <= set(range(257)) | {YES}


def test_long_texts_are_cut() -> None:
    """Of a prompt the end is kept, of a completion the beginning; boundaries that are cut off have no place."""
    table, _ = _model("bytes")
    written = Written("q1", "x" * 50, "one two three")
    features = text_features([written], _tokenizer("bytes"), table, 0, [], 16)
    assert features.lengths.tolist() == [16]
    assert features.begin.tolist() == [8]
    assert features.place.tolist() == [8, 11, 15, -1]


@dataclass(frozen=True)
class _Stored:
    """What a teacher says of all examples, in order."""

    said: Signals

    def prefetch(self, batches: Any) -> None: ...

    def signals(self, examples: Any) -> Signals:
        return self.said


def test_a_space_that_a_tokenizer_puts_before_a_text_is_not_its_first_byte() -> None:
    """Nobody is taught of that place, nor is a student with such a tokenizer; elsewhere first bytes are the text's."""
    tokenizers = [tokenizer_of(kind) for kind in ("gpt2", "llama")]
    examples = [Written("1", "Who?", "the quick fox"), Written("2", "Who?", "fox")]
    found = []
    for tokenizer in tokenizers:
        table = token_bytes(tokenizer, [0])
        features = text_features(examples, tokenizer, table, 0, [], 64)
        places = places_of(features, np.arange(2), int(features.lengths.max()))
        # A model that is sure of what stands there.
        logits = 20.0 * torch.nn.functional.one_hot(places.target, len(tokenizer)).float()
        asked = UnitLogits(logits, FirstBytes.of(table), places)
        found.append(write_units(asked.first_bytes.numpy(), asked.units.numpy(), places))
    assert found[0].said.all()
    first_of_texts = [0, 8]  # of texts with four boundaries and two
    assert np.flatnonzero(~found[1].said).tolist() == first_of_texts
    gold = Text().gold_outcomes(examples)
    for signals in found:
        assert log_likelihood(signals, gold[:, 0], gold[:, 1])[signals.said] == pytest.approx(0, abs=1e-3)
        items = text_items(examples, features, 0, OneTeacher(_Stored(signals)), [1.0], True)
        taught = items.targets(np.arange(2), True, 0).taught[1.0].first_bytes.dense(OUTCOMES)
        assert taught.sum(-1).tolist() == pytest.approx([0, 1, 1, 1, 0, 1])


def test_bytes_are_those_of_the_tokens_that_are_left() -> None:
    tokenizer = tokenizer_of("llama")
    table = token_bytes(tokenizer, [0])
    whole, cut = [Written("1", "Who?", "the quick fox")], [Written("1", "Who?", "the quick fox, " * 9)]
    features = text_features(cut, tokenizer, table, 0, [], 16)
    read = table.text_of(features.input_ids[int(features.begin[0]) :]).removeprefix(b" ")
    assert shown_bytes(cut, features).tolist() == [len(read)]
    assert 0 < len(read) < len(cut[0].completion)
    assert shown_bytes(whole, text_features(whole, tokenizer, table, 0, [], 64)).tolist() == [13]
