"""What causal models write, against their definition, alone and beside others."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from distil.framework.data.features import WindowSettings
from distil.framework.generative.sampling import Likely
from distil.framework.tasks.base import InferenceConfig
from distil.framework.tasks.registry import DEFAULT_TASK
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.settings import TextGeneration
from distil.framework.tasks.text.writing import Completion, Sampling, _Growing, longest_prompt
from tests.framework.tasks.text.writers import ASKED, PROMPTS, naive, writer


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_the_likeliest_tokens_are_written(kind: str) -> None:
    asked = writer(kind)
    ends = []
    for prompt, (found,) in zip(PROMPTS, asked.write(ASKED), strict=True):
        ids, log_p, ended = naive(asked, prompt)
        text = asked.table.text_of(np.asarray(ids, np.int64))
        text = text.removeprefix(b" ") if kind == "llama" else text
        assert found.text == text.decode("utf-8", "replace") or not ended
        assert found.text.encode() in text or "\ufffd" in found.text
        assert (found.ended, found.tokens) == (ended, len(ids) + ended)
        assert found.log_p == pytest.approx(log_p, abs=1e-4)
        ends.append(ended)
    assert set(ends) == {True, False}


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
@pytest.mark.parametrize("sampling", [Sampling(1, 0.0, 0), Sampling(3, 1.0, 5)])
def test_what_is_written_depends_on_no_other_prompt(kind: str, sampling: Sampling) -> None:
    asked = writer(kind)
    together = asked.write(ASKED * 3, sampling)
    alone = [asked.write([example], sampling)[0] for example in ASKED]
    assert [[replace(text, log_p=0.0) for text in one] for one in together] == [
        [replace(text, log_p=0.0) for text in one] for one in alone * 3
    ]
    # With several threads some processors add up in another order.
    rounding = 0 if torch.get_num_threads() == 1 else 1e-6
    for one, other in zip(together, alone * 3, strict=True):
        assert [text.log_p for text in one] == pytest.approx([text.log_p for text in other], rel=rounding, abs=0)
    assert len({of_one[0].text for of_one in alone}) > 3


def test_samples_differ_and_are_the_same_from_the_same_seed() -> None:
    asked = writer("gpt2")
    (first,), (again,), (other,) = (asked.write(ASKED[1:2], Sampling(4, 1.0, seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert len({text.text for text in first}) > 1


def test_a_text_as_it_grows_is_what_is_written() -> None:
    asked = writer("llama")
    for example in ASKED:
        grown = list(asked.grow(example))
        assert grown[-1] == asked.write([example])[0][0]
        assert [text.tokens for text in grown] == list(range(1, len(grown) + 1))
        assert all(after.text.startswith(before.text) for before, after in pairwise(grown))


@pytest.mark.parametrize(("kind", "text"), [("gpt2", " é🙂 日本 a "), ("llama", "é🙂 日本  a ")])
def test_what_is_written_loses_nothing(kind: str, text: str) -> None:
    """Characters of several tokens appear when they are whole; of one that is cut off, nothing does."""
    asked = writer(kind)
    ids = asked.prompter.tokenizer(text, add_special_tokens=False)["input_ids"]
    growing, seen = _Growing(asked), []
    for token in ids:
        growing.add(Likely(token, -1.0, ()))
        seen.append(growing.completion.text)
    growing.add(Likely(0, -2.0, ()))
    assert growing.completion == Completion(text, -len(ids) - 2.0, len(ids) + 1, True)
    assert all(text.startswith(part) for part in seen)
    assert len(set(seen)) < len(seen)


def test_a_prompt_that_is_too_long_keeps_its_end_and_leaves_room() -> None:
    windows = WindowSettings(max_length=40)
    asked = replace(
        writer("gpt2"),
        inference=InferenceConfig(DEFAULT_TASK, windows, None, "fp32"),
        generation=TextGeneration(max_new_tokens=200),
    )
    assert longest_prompt(windows, asked.generation.max_new_tokens) == 20
    ending = "The quick brown fox, isn't it? (998)"
    found, alone = asked.write([Written(text, text, "") for text in ("x" * 100 + ending, ending)])
    assert found == alone
    assert found[0].tokens == 20


def test_rows_of_a_model_that_are_no_tokens_add_nothing() -> None:
    growing = _Growing(writer("gpt2"))
    (token,) = writer("gpt2").prompter.tokenizer("x", add_special_tokens=False)["input_ids"]
    for id in (token, 5000, token):
        growing.add(Likely(id, -1.0, ()))
    assert growing.completion == Completion("xx", -3.0, 3, False)
