"""What causal models write, against their definition, alone and beside others."""

from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from distil.framework.data.features import WindowSettings
from distil.framework.generative.sampling import Likely
from distil.framework.tasks.base import InferenceConfig
from distil.framework.tasks.registry import DEFAULT_TASK
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.generation import TextGeneration
from distil.framework.tasks.text.prompts import PLAIN, Prompter
from distil.framework.tasks.text.token_bytes import token_bytes
from distil.framework.tasks.text.writing import (
    Completion,
    Sampling,
    TextWriter,
    _Growing,
    longest_prompt,
)

_TEXTS = ["Пётр Ильич родился в 1840 году, а Гайдн — в Рорау.", "The quick brown fox, isn't it? (998)"] * 3
_PROMPTS = ["", "The", "The quick brown fox", "Гайдн", "a" * 30, "родился в 1840", "fox", "(998) " * 20]
_ASKED = [Written(str(number), prompt, "") for number, prompt in enumerate(_PROMPTS)]
_SIZES: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}


def _byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=290, special_tokens=["<end>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(_TEXTS, trainer)
    return tokenizer


def _sentencepiece() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    special = ["<end>", "<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
    tokenizer.train_from_iterator(
        _TEXTS, trainers.BpeTrainer(vocab_size=360, special_tokens=special, show_progress=False)
    )
    return tokenizer


@cache
def _writer(kind: str) -> TextWriter:
    backend = _byte_level() if kind == "gpt2" else _sentencepiece()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<end>", pad_token="<end>")
    named = {"vocab_size": len(tokenizer), "bos_token_id": 0, "eos_token_id": 0, "initializer_range": 0.7}
    torch.manual_seed(0)
    model: Any = (
        GPT2LMHeadModel(GPT2Config(n_embd=16, n_layer=1, n_head=2, n_positions=64, **named))
        if kind == "gpt2"
        else LlamaForCausalLM(LlamaConfig(max_position_embeddings=64, **_SIZES, **named))
    )
    inference = InferenceConfig(DEFAULT_TASK, WindowSettings(max_length=64), None, "fp32")
    generation = TextGeneration(max_new_tokens=12)
    writer = TextWriter(
        model.eval(), Prompter(tokenizer, PLAIN, [], 0), token_bytes(tokenizer, [0]), inference, generation
    )
    ids, _, _ = _naive(writer, "The")
    with torch.no_grad():  # where some texts have this token, they end
        head = model.get_output_embeddings()
        head.weight[0] = head.weight[ids[-1]] * 1.01
    return writer


def _naive(writer: TextWriter, prompt: str) -> tuple[list[int], float, bool]:
    """The likeliest token again and again, each by a whole pass over all before it."""
    given = writer.prompter.tokenizer(prompt, add_special_tokens=False)["input_ids"][-52:] or [0]
    ids, log_p = list(given), 0.0
    for _ in range(writer.generation.max_new_tokens):
        with torch.inference_mode():
            likely = writer.model(torch.tensor([ids]), use_cache=False).logits[0, -1].double().log_softmax(-1)
        ids.append(int(likely.argmax()))
        log_p += float(likely.max())
        if ids[-1] == 0:
            return ids[len(given) : -1], log_p, True
    return ids[len(given) :], log_p, False


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_the_likeliest_tokens_are_written(kind: str) -> None:
    writer = _writer(kind)
    ends = []
    for prompt, (found,) in zip(_PROMPTS, writer.write(_ASKED), strict=True):
        ids, log_p, ended = _naive(writer, prompt)
        text = writer.table.text_of(np.asarray(ids, np.int64))
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
    writer = _writer(kind)
    together = writer.write(_ASKED * 3, sampling)
    alone = [writer.write([example], sampling)[0] for example in _ASKED]
    assert together == alone * 3
    assert len({of_one[0].text for of_one in alone}) > 3


def test_samples_differ_and_are_the_same_from_the_same_seed() -> None:
    writer = _writer("gpt2")
    (first,), (again,), (other,) = (writer.write(_ASKED[1:2], Sampling(4, 1.0, seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert len({text.text for text in first}) > 1


def test_a_text_as_it_grows_is_what_is_written() -> None:
    writer = _writer("llama")
    for example in _ASKED:
        grown = list(writer.grow(example))
        assert grown[-1] == writer.write([example])[0][0]
        assert [text.tokens for text in grown] == list(range(1, len(grown) + 1))
        assert all(after.text.startswith(before.text) for before, after in pairwise(grown))


@pytest.mark.parametrize(("kind", "text"), [("gpt2", " é🙂 日本 a "), ("llama", "é🙂 日本  a ")])
def test_what_is_written_loses_nothing(kind: str, text: str) -> None:
    """Characters of several tokens appear when they are whole; of one that is cut off, nothing does."""
    writer = _writer(kind)
    ids = writer.prompter.tokenizer(text, add_special_tokens=False)["input_ids"]
    growing, seen = _Growing(writer), []
    for token in ids:
        growing.add(Likely(token, -1.0, ()))
        seen.append(growing.completion.text)
    growing.add(Likely(0, -2.0, ()))
    assert growing.completion == Completion(text, -len(ids) - 2.0, len(ids) + 1, True)
    assert all(text.startswith(part) for part in seen)
    assert len(set(seen)) < len(seen)


def test_a_prompt_that_is_too_long_keeps_its_end_and_leaves_room() -> None:
    windows = WindowSettings(max_length=40)
    writer = replace(
        _writer("gpt2"),
        inference=InferenceConfig(DEFAULT_TASK, windows, None, "fp32"),
        generation=TextGeneration(max_new_tokens=200),
    )
    assert longest_prompt(windows, writer.generation) == 20
    ending = "The quick brown fox, isn't it? (998)"
    found, alone = writer.write([Written(text, text, "") for text in ("x" * 100 + ending, ending)])
    assert found == alone
    assert found[0].tokens == 20
