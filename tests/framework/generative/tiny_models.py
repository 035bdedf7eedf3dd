"""Tiny generators with random weights, saved as the stages save them, and questions for them."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from distil.framework.data.features import WindowSettings
from distil.framework.data.section import Data
from distil.framework.models.build import random_model, save_model
from distil.framework.models.configuration import new_config
from distil.framework.models.section import ConfigModel, TrainedTokenizer
from distil.framework.models.tokenizer_training import train_tokenizer
from distil.framework.models.tokenizers import fit_to_model
from distil.framework.tasks.base import InferenceConfig
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.span_qa.prompts import Prompts
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.teachers.generative import Generative
from tests.questions import load

SIZES: dict[str, dict[str, Any]] = {
    "t5": {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2},
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 256},
}
_TEXT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
_GEMMA = {**_TEXT, "num_key_value_heads": 2, "head_dim": 16}
_SIDES = {"encoder_layers": 1, "encoder_ffn_dim": 64, "encoder_attention_heads": 2}
_SIDES |= {"decoder_layers": 1, "decoder_ffn_dim": 64, "decoder_attention_heads": 2}
# One of each kind that is asked in a way of its own.
FAMILIES: dict[str, dict[str, Any]] = {
    **SIZES,
    "bart": {**_SIDES, "d_model": 32},  # its configuration forces an end
    "fsmt": {
        **_SIDES,
        "d_model": 32,
        "langs": ["ru", "ru"],
    },  # without its prompt, its decoder looks at what comes later
    "t5gemma": {
        "encoder": _GEMMA,
        "decoder": {**_GEMMA, "cross_attention_hidden_size": 32},
    },  # hides a start that is padding
    "switch_transformers": {
        **SIZES["t5"],
        "num_decoder_layers": 2,
        "num_experts": 2,
    },  # wants its encoder's own kind of output
    "bloom": {
        "hidden_size": 32,
        "n_layer": 2,
        "n_head": 2,
    },  # takes no positions: it counts them from the first token on
    "mamba": {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 8},  # has no keys and values
    "jamba": {**_TEXT, "num_key_value_heads": 2, "attn_layer_period": 2, "attn_layer_offset": 1, "num_experts": 2},
    "gemma3": {"text_config": _GEMMA, "vision_config": {**_TEXT, "image_size": 28}, "mm_tokens_per_image": 4},
}
PROMPT = "вопрос: {question} текст: {context} ответ:"


def examples(count: int, **difficulty: int) -> list[QAExample]:
    """Generated questions about short paragraphs."""
    source = {"kind": "synthetic", "examples": {"train": count}, "facts": 2, "fillers": 0, **difficulty}
    section = Data.model_validate({"source": source, "splits": {"train": "train"}})
    return load(section)["train"].examples


def section(architecture: str, **fields: Any) -> Generative:
    """The recipe section of such a teacher."""
    model = {"kind": "config", "architecture": architecture, "config": FAMILIES[architecture]}
    tokenizer = fields.pop("tokenizer", {"kind": "wordpiece", "vocab_size": 400})
    values = {"model": model, "tokenizer": tokenizer, "fine_tune": {}, "prompt": PROMPT, "max_answer": 8}
    return Generative.model_validate({**values, **fields})


def saved(teacher: Generative, folder: Path, texts: list[QAExample], seed: int = 0) -> Path:
    """Folder with the teacher's model, random weights, and its tokenizer, trained on `texts`."""
    assert isinstance(teacher.model, ConfigModel)
    assert isinstance(teacher.tokenizer, TrainedTokenizer)
    words = [text for example in texts for text in (example.context, example.question)]
    tokenizer = train_tokenizer(teacher.tokenizer, [PROMPT, *words])
    config = new_config(teacher.model, len(tokenizer), int(tokenizer.pad_token_id or 0))
    model = random_model(teacher.model_kind(ExtractiveQA(), config), config, seed)
    fit_to_model(tokenizer, model.config)
    save_model(model, tokenizer, folder)
    return folder


def sharpen(model: Any) -> None:
    """Raise the weights of a model, to which all answers are about as likely otherwise."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.mul_(3)


def inference(**fields: Any) -> InferenceConfig:
    """Short windows, in full precision."""
    values: dict[str, Any] = {
        "task": ExtractiveQA(unanswerable=bool(fields.pop("unanswerable", False))),
        "windows": WindowSettings(max_length=160, doc_stride=16, max_question=24),
        "batch_size": 3,
        "precision": "fp32",
    }
    return InferenceConfig(**{**values, **fields})


def log_p_alone(model: Any, prompts: Prompts, prompt: Any, answer: Any) -> float:
    """log P(answer | prompt) by one whole forward pass for this answer alone."""
    ids, target = (torch.from_numpy(part.astype(np.int64))[None] for part in (prompt, answer))
    if prompts.generator.encoder_decoder:
        begun = torch.cat([torch.tensor([prompts.special.start]), target[:, :-1]], dim=1)
        logits = model(
            input_ids=ids, decoder_input_ids=begun, decoder_attention_mask=torch.ones_like(begun), use_cache=False
        ).logits
        logits = logits[:, len(prompts.special.start) - 1 :]
    else:
        logits = model(input_ids=torch.cat([ids, target[:, :-1]], dim=1), use_cache=False).logits[:, ids.shape[1] - 1 :]
    return float(logits[0].double().log_softmax(-1).gather(1, target[0, :, None]).sum())
