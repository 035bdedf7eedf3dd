"""Tiny causal models with random weights that write, whose tokenizers lose nothing."""

from functools import cache
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from distil.framework.data.features import WindowSettings
from distil.framework.tasks.base import InferenceConfig
from distil.framework.tasks.registry import DEFAULT_TASK
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.prompts import PLAIN, Prompter
from distil.framework.tasks.text.settings import TextGeneration
from distil.framework.tasks.text.token_bytes import token_bytes
from distil.framework.tasks.text.writing import TextWriter

_TEXTS = ["Пётр Ильич родился в 1840 году, а Гайдн — в Рорау.", "The quick brown fox, isn't it? (998)"] * 3
PROMPTS = ["", "The", "The quick brown fox", "Гайдн", "a" * 30, "родился в 1840", "fox", "(998) " * 20]
ASKED = [Written(str(number), prompt, "") for number, prompt in enumerate(PROMPTS)]
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


def tokenizer_of(kind: str) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer for `gpt2`, else one of SentencePiece's kind; token 0 ends a text, and fills up."""
    backend = _byte_level() if kind == "gpt2" else _sentencepiece()
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<end>", pad_token="<end>")


@cache
def writer(kind: str) -> TextWriter:
    tokenizer = tokenizer_of(kind)
    named = {"vocab_size": len(tokenizer), "bos_token_id": 0, "eos_token_id": 0, "initializer_range": 0.7}
    torch.manual_seed(0)
    model: Any = (
        GPT2LMHeadModel(GPT2Config(n_embd=16, n_layer=1, n_head=2, n_positions=64, **named))
        if kind == "gpt2"
        else LlamaForCausalLM(LlamaConfig(max_position_embeddings=64, **_SIZES, **named))
    )
    inference = InferenceConfig(DEFAULT_TASK, WindowSettings(max_length=64), None, "fp32")
    generation = TextGeneration(max_new_tokens=12)
    made = TextWriter(
        model.eval(), Prompter(tokenizer, PLAIN, [], 0), token_bytes(tokenizer, [0]), inference, generation
    )
    ids, _, _ = naive(made, "The")
    with torch.no_grad():  # where some texts have this token, they end
        head = model.get_output_embeddings()
        head.weight[0] = head.weight[ids[-1]] * 1.01
    return made


def naive(asked: TextWriter, prompt: str) -> tuple[list[int], float, bool]:
    """The likeliest token again and again, each by a whole pass over all before it."""
    given = asked.prompter.tokenizer(prompt, add_special_tokens=False)["input_ids"][-52:] or [0]
    ids, log_p = list(given), 0.0
    for _ in range(asked.generation.max_new_tokens):
        with torch.inference_mode():
            likely = asked.model(torch.tensor([ids]), use_cache=False).logits[0, -1].double().log_softmax(-1)
        ids.append(int(likely.argmax()))
        log_p += float(likely.max())
        if ids[-1] == 0:
            return ids[len(given) : -1], log_p, True
    return ids[len(given) :], log_p, False
