"""Next tokens as signals: what teachers name of them, how several are pooled, and what a student reads."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from distil.framework.data.features import WindowSettings
from distil.framework.ensembles.rules import Mean, Posterior
from distil.framework.ensembles.source import EnsembleSource
from distil.framework.losses.base import total_loss
from distil.framework.losses.logits import KL, HardLabel
from distil.framework.losses.next_token import NextToken
from distil.framework.signals.algebra import Signals
from distil.framework.signals.further import even, of_task
from distil.framework.signals.shards import as_stored
from distil.framework.signals.source import OneTeacher
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.features import TextRows
from distil.framework.tasks.text.next_tokens import likeliest, named_tokens
from distil.framework.tasks.text.signal import signals_of_logits
from distil.framework.tasks.text.task import Text
from tests.framework.tasks.text.writers import tokenizer_of

TASK = Text()
EXAMPLES = [
    Written("0", "Who?", " The fox, isn't it? (998)"),
    Written("1", "", "Гайдн — в Рорау."),
    Written("2", "", " "),
]


def rows(kind: str = "gpt2", length: int = 64) -> TextRows:
    return TASK.features(EXAMPLES, tokenizer_of(kind), WindowSettings(max_length=length))


def logits_of(features: TextRows, seed: int) -> torch.Tensor:
    """[B, V, L]"""
    random = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(len(features), len(features.table.first), int(features.lengths.max()), generator=random)


def said(features: TextRows, logits: torch.Tensor, count: int) -> Signals:
    each = [one[:, :length].numpy() for one, length in zip(logits, features.lengths, strict=True)]
    return signals_of_logits(features, each, count)


class Stored:
    def __init__(self, signals: Signals) -> None:
        self._signals = signals

    def prefetch(self, batches: Any) -> None: ...

    def signals(self, examples: Sequence[Written]) -> Signals:
        return self._signals.take(np.asarray([int(example.id) for example in examples], np.int64))


def terms(
    features: TextRows, logits: torch.Tensor, source: Any, losses: Mapping[str, Any], eager: bool = True
) -> tuple[dict[str, float], torch.Tensor]:
    """What each loss comes to, and the gradient of their sum."""
    items = TASK.training_items(EXAMPLES, features, 0, source, [1.0], eager)
    asked = logits.clone().requires_grad_()
    total, found = total_loss(losses, items.targets(np.arange(len(EXAMPLES)), True, 0).rows(asked), 0.0)
    total.backward()  # type: ignore[no-untyped-call]
    assert asked.grad is not None
    return {name: float(term) for name, term in found.items()}, asked.grad


def exactly(features: TextRows, student: torch.Tensor, teacher: torch.Tensor) -> tuple[float, torch.Tensor]:
    """The divergence over the whole vocabulary as a `hard_label` weighs tokens, and its gradient."""
    asked = student.double().requires_grad_()
    total, tokens = asked.new_zeros(()), int((features.lengths - features.begin).sum())
    for row, (begin, length) in enumerate(zip(features.begin.tolist(), features.lengths.tolist(), strict=True)):
        own, other = (one[row, :, begin - 1 : length - 1].double().log_softmax(0) for one in (asked, teacher))
        total = total + (other.exp() * (other - own)).sum()
    total = total * len(features) / tokens
    total.backward()
    assert asked.grad is not None
    return float(total.detach()), asked.grad.float()


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_with_all_tokens_named_it_is_the_divergence_of_next_tokens(kind: str) -> None:
    features = rows(kind)
    student, teacher = (logits_of(features, seed) for seed in (1, 2))
    source = OneTeacher(Stored(said(features, teacher, 10_000)))
    found, gradient = terms(features, student, source, {"next_token": NextToken()})
    expected, its_gradient = exactly(features, student, teacher)
    assert found["next_token"] == pytest.approx(expected, rel=1e-4)
    torch.testing.assert_close(gradient, its_gradient, rtol=1e-3, atol=1e-5)


@given(seed=st.integers(0, 1000), counts=st.tuples(st.integers(1, 40), st.integers(41, 280)))
@settings(max_examples=10)
def test_fewer_named_tokens_tell_no_more(seed: int, counts: tuple[int, int]) -> None:
    features = rows()
    student, teacher = (logits_of(features, seed + number) for number in (0, 1))
    sources = [OneTeacher(Stored(said(features, teacher, count))) for count in counts]
    few, many = (terms(features, student, source, {"next_token": NextToken()})[0]["next_token"] for source in sources)
    assert 0 < few <= many * 1.0001 <= exactly(features, student, teacher)[0] * 1.001


def test_who_thinks_what_the_teacher_does_pays_nothing_and_labels_are_what_they_were() -> None:
    features, losses = rows(), {"next_token": NextToken(), "hard_label": HardLabel(), "kl": KL(temperature=1)}
    logits = logits_of(features, 3)
    source = OneTeacher(Stored(said(features, logits, 7)))
    found, _ = terms(features, logits, source, losses)
    assert [found["next_token"], found["kl"]] == pytest.approx([0, 0], abs=1e-5)
    plain, _ = terms(features, logits, None, {"hard_label": HardLabel()})
    assert found["hard_label"] == pytest.approx(plain["hard_label"], rel=1e-5)
    as_it_comes, _ = terms(features, logits, source, losses, eager=False)
    assert as_it_comes == found


def test_what_is_stored_is_what_was_said() -> None:
    features = rows()
    student, teacher = (logits_of(features, seed) for seed in (4, 5))
    whole = said(features, teacher, 16)
    stored = as_stored(whole, 16)
    assert stored.heads.tolist() == whole.heads.tolist()
    losses = {"next_token": NextToken()}
    of_both = [terms(features, student, OneTeacher(Stored(one)), losses)[0]["next_token"] for one in (whole, stored)]
    assert of_both[1] == pytest.approx(of_both[0], rel=2e-3)


def test_teachers_with_other_tokenizers_have_no_say_about_tokens_and_the_others_weigh_as_their_units_do() -> None:
    features, other = rows(), rows("llama")
    student = logits_of(features, 6)
    alike = [said(features, logits_of(features, seed), 300) for seed in (7, 8)]
    unlike = said(other, logits_of(other, 9), 0)
    losses = {"next_token": NextToken()}

    def cost(rule: Any, *signals: Signals) -> float:
        names = {str(number): Stored(one) for number, one in enumerate(signals)}
        source = EnsembleSource(rule, names, dict.fromkeys(names, 1.0), {}, TASK)
        return terms(features, student, source, losses)[0]["next_token"]

    assert cost(Mean(), *alike, unlike) == pytest.approx(cost(Mean(), *alike), rel=1e-5)
    assert cost(Mean(), alike[0], unlike) == pytest.approx(
        terms(features, student, OneTeacher(Stored(alike[0])), losses)[0]["next_token"], rel=1e-5
    )
    # By the rule each head of a token has the weights of the unit in which the token begins.
    stored = {"a": Stored(alike[0]), "b": Stored(alike[1])}
    source = EnsembleSource(Posterior(), stored, {"a": 1.0, "b": 1.0}, {}, TASK)
    weights = source._weights(EXAMPLES, alike).of_heads
    units = source._weights(EXAMPLES, [of_task(TASK, EXAMPLES, one) for one in alike]).of_heads
    assert len(np.unique(units[:, 0])) > 3
    for number in range(len(EXAMPLES)):
        begin, end = alike[0].heads[number : number + 2]
        boundaries = unlike.heads[number : number + 2] // 2
        own = units[2 * boundaries[0] : 2 * boundaries[1]]
        assert np.array_equal(weights[begin : begin + len(own)], own)
        of_places = weights[begin + len(own) : end]
        sizes = features.sizes[features.boundaries[number] : features.boundaries[number + 1]]
        expected = np.repeat(own[len(own) // 2 :], np.append(sizes[:-1], 1), axis=0)
        assert np.array_equal(of_places, np.concatenate([expected[:1], expected]))


def test_heads_of_tokens_are_at_the_bytes_at_which_tokens_begin() -> None:
    for kind in ("gpt2", "llama"):
        features = rows(kind)
        signals = said(features, logits_of(features, 1), 5)
        units = said(features, logits_of(features, 1), 0)
        alone = of_task(TASK, EXAMPLES, signals)
        assert (alone.heads.tolist(), alone.keys.tolist()) == (units.heads.tolist(), units.keys.tolist())
        assert TASK.weighed_as(EXAMPLES, units) is None
        filled = even([signals, units])[1]
        assert filled.heads.tolist() == signals.heads.tolist()
        assert of_task(TASK, EXAMPLES, filled).rows.tolist() == units.rows.tolist()
        for number, example in enumerate(EXAMPLES):
            ids = features.input_ids[features.slice_of(number)][int(features.begin[number]) :]
            first = 0 if features.led[number] else 1
            starts = [first + len(features.table.text_of(ids[:place])) for place in range(len(ids))]
            places = signals.said[units.heads[number + 1] - units.heads[number] + signals.heads[number] :]
            places = places[: len(example.completion.encode()) + 2]
            assert np.flatnonzero(places).tolist() == starts


def test_a_text_that_is_cut_has_tokens_as_far_as_it_is_shown() -> None:
    features = rows(length=16)
    student, teacher = (logits_of(features, seed) for seed in (1, 2))
    source = OneTeacher(Stored(said(features, teacher, 10_000)))
    found, _ = terms(features, student, source, {"next_token": NextToken()})
    assert found["next_token"] == pytest.approx(exactly(features, student, teacher)[0], rel=1e-4)


@given(seed=st.integers(0, 10_000), count=st.integers(1, 9), width=st.sampled_from([1, 20]))
@settings(max_examples=25)
def test_values_and_gradients_are_those_of_the_definition(seed: int, count: int, width: int) -> None:
    random = torch.Generator().manual_seed(seed)
    logits = 4 * torch.randn(width, 9, generator=random)
    target = torch.randint(9, (width,), generator=random)
    keys = torch.stack([torch.randperm(9, generator=random)[:count] for _ in range(width)])
    keys[torch.rand(keys.shape, generator=random) < 0.3] = -1
    there = keys >= 0
    weights = [torch.randn(width, generator=random), torch.randn(width, count, generator=random) * there]
    unnamed = torch.ones(width, 10).scatter_(1, torch.where(there, keys, 9), 0.0)[:, :9].bool()
    weights.append(torch.randn(width, generator=random) * unnamed.any(1))

    def plainly(given: torch.Tensor) -> tuple[torch.Tensor, ...]:
        log_p = given.log_softmax(-1)
        others = torch.where(unnamed.any(1, keepdim=True), log_p.masked_fill(~unnamed, -torch.inf), 0.0).logsumexp(-1)
        return log_p.gather(1, target[:, None])[:, 0], log_p.gather(1, keys.clamp_min(0)), others

    found = []
    for asked in (lambda given: named_tokens(given.float(), target, keys), plainly):
        given = logits.double().requires_grad_()
        values = [one.double() * weight for one, weight in zip(asked(given), weights, strict=True)]
        sum(one.sum() for one in values).backward()  # type: ignore[union-attr, no-untyped-call]
        found.append([*values, given.grad])
    for ours, definition in zip(*found, strict=True):
        torch.testing.assert_close(ours, definition, rtol=1e-3, atol=1e-4)


def test_the_likeliest_are_named_and_rows_behind_the_vocabulary_have_no_part() -> None:
    logits = torch.randn(20, 12, generator=torch.Generator().manual_seed(0))
    logits[:, 10:] = 9.0
    found = likeliest(logits, 10, 3)
    log_p = logits[:, :10].log_softmax(-1)
    best, which = log_p.topk(3)
    torch.testing.assert_close(found[:, :3], best)
    assert found[:, 3:6].long().tolist() == which.tolist()
    torch.testing.assert_close(found[:, 6], torch.log1p(-best.exp().sum(-1)), rtol=1e-4, atol=1e-5)
    assert likeliest(logits, 10, 50).shape == (20, 21)
