"""What teachers with unlike tokenizers say of a text fits together, and what it comes to where they are alike."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from distil.framework.ensembles.base import TeacherOutputs
from distil.framework.ensembles.route import Route
from distil.framework.ensembles.rules import (
    Agreement,
    Confidence,
    Geometric,
    LabelAware,
    Mean,
    Posterior,
    Sampled,
    Weighted,
)
from distil.framework.ensembles.source import EnsembleSource
from distil.framework.losses.base import Target
from distil.framework.losses.chunks import Chunk
from distil.framework.losses.logits import KL
from distil.framework.segments import bounds
from distil.framework.signals.algebra import Signals, to_dense
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.features import TextRows, text_features
from distil.framework.tasks.text.probabilities import FirstBytes, UnitLogits, places_of
from distil.framework.tasks.text.signal import bits, heads_of, write_units
from distil.framework.tasks.text.task import Text
from distil.framework.tasks.text.token_bytes import ENDS, OUTCOMES, TokenBytes, token_bytes
from distil.framework.tasks.text.units import LETTER, NUMBER, OTHER, SPACE, units_of
from distil.framework.training.items import model_inputs

_TEXTS = ["Пётр Ильич родился в 1840 году, а Гайдн — в Рорау.", "The quick brown fox, isn't it? (998)"] * 3
# How byte-level tokenizers of today cut texts before they look for tokens: GPT-2's way, Llama 3's, digit by digit, not at all.
_CUTS: dict[str, Any] = {
    "gpt2": pre_tokenizers.ByteLevel(add_prefix_space=False),
    "llama3": pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(
                Regex(r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"),
                "isolated",
            ),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    ),
    "digits": pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False)]),
    "uncut": pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
}
_WAYS = {
    "bytes": ("gpt2", 257),
    "gpt2": ("gpt2", 330),
    "llama3": ("llama3", 360),
    "digits": ("digits", 300),
    "uncut": ("uncut", 400),
}
pairs = pytest.mark.parametrize(("one", "other"), [("bytes", "uncut"), ("gpt2", "llama3"), ("llama3", "digits")])
_hard = [
    "🙂",
    "👩‍👩‍👧",
    "🇫🇮",
    "e\u0301",
    "ё",
    "日本",
    "नि",
    "\u200d",
    "\ufeff",
    "  ",
    "\n\n",
    " ",
    "'s",
    "42",
    "1,5",
    "a",
    "Ω",
    ".",
    "<end>",
]
text = st.lists(st.characters(exclude_categories=["Cs"]) | st.sampled_from(_hard), max_size=12).map("".join)


@cache
def tokenizer_of(kind: str) -> Any:
    cut, size = _WAYS[kind]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = _CUTS[cut], decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<end>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(_TEXTS, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", pad_token="<end>")


@cache
def table_of(kind: str) -> TokenBytes:
    return token_bytes(tokenizer_of(kind), [0])


@cache
def model_of(kind: str, seed: int) -> Any:
    torch.manual_seed(seed)
    sizes = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 256, "initializer_range": 0.5}
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=len(tokenizer_of(kind)), bos_token_id=0, eos_token_id=0, **sizes)
    ).eval()


def read(kind: str, examples: Sequence[Written], length: int = 256) -> TextRows:
    return text_features(examples, tokenizer_of(kind), table_of(kind), 0, [], length)


def asked(kind: str, examples: Sequence[Written], seed: int = 0, length: int = 256) -> UnitLogits:
    features, rows = read(kind, examples, length), np.arange(len(examples))
    with torch.inference_mode():
        logits = model_of(kind, seed)(**model_inputs(features, rows, 0)).logits
        places = places_of(features, rows, logits.shape[1])
        return UnitLogits(logits.flatten(0, 1)[places.token], FirstBytes.of(table_of(kind)), places)


def written(kind: str, examples: Sequence[Written], seed: int = 0, length: int = 256) -> Signals:
    said = asked(kind, examples, seed, length)
    return write_units(said.first_bytes.numpy(), said.units.numpy(), said.places)


@pairs
@given(texts=st.lists(text, min_size=1, max_size=3))
@settings(max_examples=15)
def test_of_any_two_tokenizers_boundaries_are_the_same_and_no_byte_is_lost(
    one: str, other: str, texts: list[str]
) -> None:
    examples = [Written(str(number), "", completion) for number, completion in enumerate(texts)]
    found = [read(kind, examples) for kind in (one, other)]
    for features, kind in zip(found, (one, other), strict=True):
        assert features.boundaries.tolist() == found[0].boundaries.tolist()
        assert features.sizes.tolist() == found[0].sizes.tolist()
        assert features.before.tolist() == found[0].before.tolist()
        table = table_of(kind)
        for number, completion in enumerate(texts):
            tokens = features.input_ids[features.rows[number] : features.rows[number + 1]]
            content, begin = completion.encode(), int(features.begin[number])
            assert table.text_of(tokens[begin:]) == content
            own = slice(int(features.boundaries[number]), int(features.boundaries[number + 1]))
            assert features.sizes[own].sum() == len(content)
            starts = units_of(completion).bounds
            assert len(starts) == len(features.place[own])
            for at, place in zip(starts.tolist(), features.place[own].tolist(), strict=True):
                before = [len(table.text_of(tokens[begin:end])) for end in range(begin, len(tokens))]
                assert (place < 0) == (at not in before)
                assert place < 0 or before[place - begin] == at
    heads = [written(kind, examples).heads.tolist() for kind in (one, other)]
    assert heads[0] == heads[1] == (2 * found[0].boundaries).tolist()


@given(completion=text)
@settings(max_examples=15)
def test_with_a_token_a_byte_first_bytes_are_next_tokens_that_may_begin_a_unit(completion: str) -> None:
    """Loss kl on them is the divergence of next tokens, restricted to these and scaled to sum 1."""
    examples = [Written("0", "", completion)]
    student, teacher = (asked("bytes", examples, seed) for seed in (0, 1))
    signals = to_dense(write_units(teacher.first_bytes.numpy(), teacher.units.numpy(), teacher.places), OUTCOMES)
    places, table = teacher.places, table_of("bytes")
    head, _ = heads_of(places, 2 * bounds(places.count.numpy()))
    target = Target(
        torch.ones(len(places.at), OUTCOMES).bool(), torch.full((len(places.at),), -1), torch.from_numpy(signals[head])
    )
    found = KL(temperature=1)(student.first_bytes, target)
    for number, (at, before) in enumerate(zip(places.at.tolist(), places.before.tolist(), strict=True)):
        begins = np.isin(table.classes, [SPACE, LETTER, NUMBER, OTHER, ENDS]) & (
            (table.classes != before) | (table.classes == SPACE)
        )
        p, q = (one.logits[at][torch.from_numpy(begins)].double().softmax(-1) for one in (teacher, student))
        assert float(found[number]) == pytest.approx(float((p * (p / q).log()).sum()), rel=1e-2, abs=1e-3)


@given(
    st.lists(st.sampled_from(list("aZé")), min_size=1, max_size=4),
    st.lists(st.sampled_from(list("17")), min_size=4, max_size=4),
)
@settings(max_examples=10)
def test_a_unit_of_one_token_is_that_token_and_that_the_next_one_begins_another(
    letters: list[str], numbers: list[str]
) -> None:
    """Loss chunk with tau 1 is the divergence of two outcomes: this token, and any other."""
    completion = "".join(letter + number for letter, number in zip(letters, numbers, strict=False)).replace("é", "e")
    examples = [Written("0", "", completion)]
    student, teacher = (asked("bytes", examples, seed) for seed in (0, 1))
    places, table = teacher.places, table_of("bytes")
    units = [[], []]  # type: list[list[float]]
    for which, one in enumerate((teacher, student)):
        log_p = one.logits.double().log_softmax(-1)
        mass = []
        for at, before in zip(places.at.tolist(), places.before.tolist(), strict=True):
            begins = np.isin(table.classes, [SPACE, LETTER, NUMBER, OTHER, ENDS]) & (
                (table.classes != before) | (table.classes == SPACE)
            )
            mass.append(float(log_p[at][torch.from_numpy(begins)].logsumexp(-1)))
        for number, at in enumerate(places.at.tolist()):
            after = mass[number + 1] if number + 1 < len(mass) else 0.0
            units[which].append(float(log_p[at, places.target[at]]) + after - mass[number])
        assert one.units.numpy() == pytest.approx(np.minimum(units[which], 0), abs=1e-4)
    p, q = (np.clip(np.exp(one), 1e-6, 1 - 1e-6) for one in units)
    target = Target(torch.ones(len(p), 2).bool(), torch.zeros(len(p)), torch.tensor(np.stack([1 - p, p], 1)))
    found = Chunk(tau=1)(torch.tensor(np.stack([np.log1p(-q), np.log(q)], 1)), target)
    assert found.numpy() == pytest.approx(p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q)), abs=1e-6)


RULES: list[Any] = [
    Mean(),
    Geometric(),
    Weighted(weights={"0": 1, "1": 2, "2": 3}),
    Confidence(),
    LabelAware(),
    Agreement(),
    Posterior(),
    Posterior(tau=5.0, prior={"0": 1, "1": 2, "2": 3}),
    Route(by="confidence"),
    Route(by="likelihood"),
    Sampled(),
]


class _Said:
    def __init__(self, said: Signals) -> None:
        self._said = said

    def prefetch(self, batches: Any) -> None: ...

    def signals(self, examples: Sequence[Written]) -> Signals:
        return self._said.take(np.asarray([int(example.id) for example in examples], np.int64))


def pooled(rule: Any, said: Sequence[Signals], examples: Sequence[Written]) -> Sequence[Signals]:
    teachers = {str(number): _Said(one) for number, one in enumerate(said)}
    source = EnsembleSource(rule, teachers, dict.fromkeys(teachers, 1.0), {}, Text())
    return source.signals(examples, [1.0])[1.0]


_EXAMPLES = [
    Written("0", "Где?", "Гайдн родился в Рорау, 1732."),
    Written("1", "", "It's 👩‍👩‍👧 and e\u0301 — 日本 998"),
    Written("2", "Nothing", ""),
]


@pytest.mark.parametrize(
    "rule", RULES, ids=lambda rule: f"{rule.rule}-{getattr(rule, 'by', '')}{getattr(rule, 'tau', '')}"
)
@pytest.mark.parametrize("kind", ["gpt2", "uncut"])
def test_several_identical_teachers_are_the_teacher(rule: Any, kind: str) -> None:
    one = written(kind, _EXAMPLES, length=24)  # cut, and not cut at units: some heads are empty
    assert 0 < one.said.mean() < 1
    for mixed in pooled(rule, [one] * 3, _EXAMPLES):
        assert mixed.said.tolist() == one.said.tolist()
        assert to_dense(mixed, OUTCOMES) == pytest.approx(to_dense(one, OUTCOMES), abs=1e-5)


def test_a_text_takes_at_most_the_bits_of_the_best_of_three_unlike_teachers_and_log2_3() -> None:
    said = [written(kind, _EXAMPLES) for kind in ("bytes", "gpt2", "digits")]
    (mixed,) = pooled(Posterior(), said, _EXAMPLES)
    sizes = read("bytes", _EXAMPLES).sizes
    own = np.stack([bits(one, sizes)[0] for one in said])
    whole = [bits(one, sizes)[1].tolist() == bits(mixed, sizes)[1].tolist() for one in said]
    assert any(whole)
    assert (bits(mixed, sizes)[0] <= own[whole].min(0) + np.log2(3) + 1e-3).all()


def test_who_finds_a_text_likeliest_teaches_it_whatever_its_first_bytes() -> None:
    said = [written(kind, _EXAMPLES) for kind in ("bytes", "gpt2")]
    sizes = read("bytes", _EXAMPLES).sizes
    own, known = zip(*(bits(one, sizes) for one in said), strict=True)
    same = np.flatnonzero(known[0] == known[1])
    assert len(same) > 0
    (mixed,) = pooled(Route(by="likelihood"), said, _EXAMPLES)
    assert bits(mixed, sizes)[0][same] == pytest.approx(np.stack(own).min(0)[same])
    weights = LabelAware().weigh(TeacherOutputs(_EXAMPLES, ["bytes", "gpt2"], said, {}, Text()))
    assert (weights.argmax(1) == np.stack(own).argmin(0))[same].all()


@pytest.mark.parametrize("rule", RULES[:7], ids=lambda rule: rule.rule)
def test_first_bytes_and_units_of_unlike_teachers_together_sum_to_1(rule: Any) -> None:
    said = [written(kind, _EXAMPLES, length=30) for kind in ("bytes", "llama3", "uncut")]
    for mixed in pooled(rule, said, _EXAMPLES):
        assert to_dense(mixed, OUTCOMES).sum(1) == pytest.approx(mixed.said.astype(float), abs=1e-5)
        assert mixed.said.tolist() == np.any([one.said for one in said], axis=0).tolist()
