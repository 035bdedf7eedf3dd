"""Asking a BERT-base on a GPU."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from transformers import BertConfig, BertForQuestionAnswering, DistilBertConfig, DistilBertForQuestionAnswering

from distil.framework.device import autocast
from distil.framework.models.build import count_parameters, pretrained_model
from distil.framework.models.tokenizers import load_model_tokenizer
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import prepare, produce
from distil.framework.training.items import model_inputs
from distil.framework.transfer import on_device
from tests.benchmarks.gpu_card import SBERQUAD, Card, recipe

_VOCABULARY = 119_547  # of BERT-base for many languages
_FEW = 256  # questions, whose time is taken off: the model is loaded once


def teacher(card: Card) -> Iterator[dict[str, Any]]:
    """The stage that collects signals, as it is; then the model's forward passes over the same windows."""
    few, many = (16, 48) if card.dry else (_FEW, _FEW + 4096)
    _collect(replace(card, folder=_folder(card)), few // 2, "bf16")  # libraries are loaded by now
    for precision in ("bf16", "fp32"):
        short, long = (_collect(replace(card, folder=_folder(card)), count, precision) for count in (few, many))
        took, host = ((long[name] - short[name]) / (many - few) for name in ("seconds", "host"))
        rate = (long["flops"] - short["flops"]) / (many - few)
        yield {
            "precision": precision,
            "ms a question": 1000 * took,
            "ms of the host": 1000 * host,
            "SberQuAD, s": SBERQUAD * took,
            "share of peak": card.share(rate / took) if took > 0 else 0.0,
            "forward alone, ms a question": 1000 * long["alone"] / many,
        }


def _folder(card: Card) -> Any:
    folder = card.folder / "teacher"
    folder.mkdir(exist_ok=True)
    return folder


def _collect(card: Card, questions: int, precision: str) -> dict[str, float]:
    """Seconds, and those of the processor, of collecting signals about so many questions, the operations of the model that this
    takes, and the seconds of its forward passes alone."""
    size = (
        {"hidden_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 384}
        if card.dry
        else {}
    )

    def model() -> Any:
        return BertForQuestionAnswering(BertConfig(vocab_size=_VOCABULARY if size == {} else 1000, **size))

    def student() -> Any:
        return DistilBertForQuestionAnswering(DistilBertConfig(vocab_size=1000, n_layers=1, dim=24, hidden_dim=48))

    values = recipe(card, questions, model, student)
    values["engine"] = {"workers": 1, "precision": precision}
    context, graph = prepare(recipe_from_values(values, "gpu"))
    for stage in graph.models[0].making:
        produce(context, stage)
    collection = graph.collections["teacher", "train"]
    began, host = time.perf_counter(), time.process_time()
    produce(context, collection.stage)
    took, host = time.perf_counter() - began, time.process_time() - host
    folder = collection.teacher_pass.models[0]
    inference = collection.teacher_pass.inference
    features = inference.task.features(
        collection.teacher_pass.examples, load_model_tokenizer(folder), inference.windows
    )
    loaded: Any = pretrained_model(inference.task, folder).to(card.device).eval()
    body = count_parameters(loaded) - loaded.get_input_embeddings().weight.numel()
    order = np.argsort(-features.lengths)
    made = [
        on_device(model_inputs(features, order[at : at + 64], 0), card.device) for at in range(0, len(features), 64)
    ]
    with torch.inference_mode(), autocast(card.device, precision):
        alone = card.seconds(lambda: [loaded(**inputs) for inputs in made])
    return {"seconds": took, "host": host, "flops": 2.0 * body * float(features.lengths.sum()), "alone": alone}
