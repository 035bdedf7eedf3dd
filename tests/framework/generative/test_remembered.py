"""Keys and values of prompts, and of beams."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import DynamicCache

from distil.framework.generative.beams import BeamsLayer
from distil.framework.generative.causal import alike, rounding
from distil.framework.generative.remembered import for_beams, for_rows


def cache(count: int, tokens: int, layers: int = 2) -> DynamicCache:
    torch.manual_seed(0)
    found = DynamicCache()
    for layer in range(layers):
        found.update(*torch.randn(2, count, 3, tokens, 4), layer)
    return found


def values(found: DynamicCache) -> list[torch.Tensor]:
    return [part for layer in found.layers for part in (layer.keys, layer.values)]


def test_rows_are_copied_and_the_cache_stays_as_it_is() -> None:
    whole = cache(3, 5)
    before = [part.clone() for part in values(whole)]
    found = for_rows(whole, torch.tensor([2, 0, 2, 1]))
    found.update(*torch.randn(2, 4, 3, 1, 4), 0)
    for part, own in zip(values(found), before, strict=True):
        assert torch.equal(part[..., :5, :], own[[2, 0, 2, 1]])
    assert found.get_seq_length() == 6
    assert whole.get_seq_length() == 5
    assert all(torch.equal(part, own) for part, own in zip(values(whole), before, strict=True))


@pytest.mark.parametrize("count", [1, 3])
def test_beams_go_on_and_change_places_as_those_of_a_whole_cache_do(count: int) -> None:
    prompts = cache(2, 5)
    rows = torch.arange(2).repeat_interleave(count)
    plain, beams = for_rows(prompts, rows), for_beams(prompts, rows, room=6)
    assert all(type(layer) is BeamsLayer for layer in beams.layers)
    random = torch.Generator().manual_seed(1)
    for tokens in (1, 2, 1, 1, 1):
        for layer in range(2):
            states = torch.randn(2, 2 * count, 3, tokens, 4, generator=random)
            for given, expected in zip(beams.update(*states, layer), plain.update(*states, layer), strict=True):
                assert torch.equal(given, expected)
        own = torch.randint(count, (2, count), generator=random)
        order = (own + count * torch.arange(2)[:, None]).flatten()
        beams.reorder_cache(order)
        plain.reorder_cache(order)
        assert beams.get_seq_length() == plain.get_seq_length()
        assert all(torch.equal(*both) for both in zip(values(beams), values(plain), strict=True))
    assert prompts.get_seq_length() == 5


@pytest.mark.parametrize(
    ("dtype", "rounded", "wrong"),
    [(torch.float32, 1e-4, 4e-3), (torch.float16, 5e-3, 5e-2), (torch.bfloat16, 3e-2, 2e-1)],
)
def test_logits_that_many_layers_round_are_alike_and_those_of_other_positions_are_not(
    dtype: torch.dtype, rounded: float, wrong: float
) -> None:
    model: Any = SimpleNamespace(dtype=dtype)
    logits = torch.linspace(-20.0, 20.0, 50)[None]
    apart = torch.zeros_like(logits)
    apart[0, 7] = 20.0
    assert alike(logits, logits + rounded * apart, rounding(model))
    assert not alike(logits, logits + wrong * apart, rounding(model))
