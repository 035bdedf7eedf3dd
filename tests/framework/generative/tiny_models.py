"""Tiny generators with random weights, saved as the stages save them, and questions for them."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from framework.data.example import Example
from framework.data.load import load_data
from framework.data.section import Data
from framework.data.windows_section import WindowSettings
from framework.generative.prompts import Prompts
from framework.models.build import new_config, random_model, save_model
from framework.models.section import ConfigModel, TrainedTokenizer
from framework.models.tokenizers import fit_to_model, train_tokenizer
from framework.readers.base import Reading
from framework.tasks.extractive_qa import ExtractiveQA
from framework.teachers.generative import Generative

SIZES: dict[str, dict[str, Any]] = {
    "t5": {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2},
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 256},
}
PROMPT = "вопрос: {question} текст: {context} ответ:"


def examples(count: int, **difficulty: int) -> list[Example]:
    """Generated questions about short paragraphs."""
    source = {"kind": "synthetic", "examples": {"train": count}, "facts": 2, "fillers": 0, **difficulty}
    section = Data.model_validate({"source": source, "splits": {"train": "train"}})
    return load_data(section)["train"].examples


def section(architecture: str, **fields: Any) -> Generative:
    """The recipe section of such a teacher."""
    model = {"kind": "config", "architecture": architecture, "config": SIZES[architecture]}
    tokenizer = fields.pop("tokenizer", {"kind": "wordpiece", "vocab_size": 400})
    values = {"model": model, "tokenizer": tokenizer, "fine_tune": {}, "prompt": PROMPT, "max_answer": 8}
    return Generative.model_validate({**values, **fields})


def saved(teacher: Generative, folder: Path, texts: list[Example], seed: int = 0) -> Path:
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


def reading(**fields: Any) -> Reading:
    """Short windows, in full precision."""
    values: dict[str, Any] = {
        "task": ExtractiveQA(),
        "windows": WindowSettings(max_length=160, doc_stride=16, max_question=24),
        "unanswerable": False,
        "batch_size": 3,
        "precision": "fp32",
    }
    return Reading(**{**values, **fields})


def log_p_alone(model: Any, prompts: Prompts, prompt: Any, answer: Any) -> float:
    """log P(answer | prompt) by one whole forward pass for this answer alone."""
    ids, target = (torch.from_numpy(part.astype(np.int64))[None] for part in (prompt, answer))
    if prompts.generator.encoder_decoder:
        begun = torch.cat([torch.tensor([[prompts.special.start]]), target[:, :-1]], dim=1)
        logits = model(input_ids=ids, decoder_input_ids=begun).logits
    else:
        logits = model(input_ids=torch.cat([ids, target[:, :-1]], dim=1)).logits[:, ids.shape[1] - 1 :]
    return float(logits[0].double().log_softmax(-1).gather(1, target[0, :, None]).sum())
