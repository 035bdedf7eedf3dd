"""Logits of a window, whatever else is asked at the same time."""

import os
from contextlib import nullcontext
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from distil.framework.data.features import WindowSettings
from distil.framework.device import cpu_threads
from distil.framework.models.build import random_model
from distil.framework.models.configuration import new_config
from distil.framework.models.section import ConfigModel
from distil.framework.predictors import logits as module_of_logits
from distil.framework.predictors.logits import LogitsPredictor, all_logits, alone
from distil.framework.tasks.base import InferenceConfig
from distil.framework.tasks.classification.data import Text
from distil.framework.tasks.classification.task import Classification
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.tasks.span_qa.windows import cut_windows
from tests.blocking import blocking_reads
from tests.framework.signals.made_up import assert_same
from tests.tokenizing import tokenizer

TASK = ExtractiveQA()
MOST = 61  # positions of the models, no multiple of anything that lengths are rounded to
WINDOWS = WindowSettings(max_length=MOST, doc_stride=20, max_question=8)
EXAMPLES = [
    QAExample(str(number), "Пётр Ильич родился в Воткинске, а чай да майка. " * (1 + number % 4), "Где родился?", None)
    for number in range(14)
]
SIZES = {
    "bert": {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 96},
    "distilbert": {"dim": 48, "n_layers": 2, "n_heads": 2, "hidden_dim": 96},
}


@cache
def model(architecture: str) -> Any:
    config = {**SIZES[architecture], "max_position_embeddings": MOST}
    section = ConfigModel(kind="config", architecture=architecture, config=config)
    return random_model(TASK, new_config(section, len(tokenizer("wordpiece")), 0), seed=1)


def logits(architecture: str, examples: list[QAExample], batch_size: int) -> dict[str, list[np.ndarray]]:
    """Of every window of every example, by its id."""
    windows = cut_windows(examples, tokenizer("wordpiece"), WINDOWS)
    found = all_logits(model(architecture), windows, 0, InferenceConfig(TASK, WINDOWS, batch_size, "fp32"))
    assert [one.shape for one in found] == [(2, length) for length in windows.lengths]
    bounds = windows.of_examples(len(examples))
    return {example.id: found[bounds[at] : bounds[at + 1]] for at, example in enumerate(examples)}


@pytest.mark.parametrize("architecture", SIZES)
def test_logits_are_the_same_to_the_bit_alone_and_together(architecture: str) -> None:
    alone = {example.id: logits(architecture, [example], 1)[example.id] for example in EXAMPLES}
    assert {len(found) for found in alone.values()} >= {1, 2}
    assert max(one.shape[1] for found in alone.values() for one in found) == MOST
    order = [EXAMPLES[number] for number in np.random.default_rng(0).permutation(len(EXAMPLES))]
    for examples, batch_size in ((EXAMPLES, 2), (order, 5), (EXAMPLES[::-1], 64), (EXAMPLES[3:6], 3)):
        for id, found in logits(architecture, examples, batch_size).items():
            for one, expected in zip(found, alone[id], strict=True):
                assert one.tobytes() == expected.tobytes()


@pytest.mark.skipif("STRICT" not in os.environ.get("MKL_CBWR", ""), reason="products show their rows on this processor")
@pytest.mark.parametrize("threads", [1, 2])
def test_texts_as_a_whole_are_the_same_to_the_bit_alone_and_together(threads: int) -> None:
    task = Classification(kind="classification", labels=["a", "b", "c"])
    config = {**SIZES["bert"], "intermediate_size": 3072, "max_position_embeddings": MOST, **task.head_fields()}
    section = ConfigModel(kind="config", architecture="bert", config=config)
    classifier = random_model(task, new_config(section, len(tokenizer("wordpiece")), 0), seed=1)
    texts = [Text("", str(number), "чай да майка " * (1 + number // 7), None, None) for number in range(40)]
    inference = InferenceConfig(task, WINDOWS, None, "fp32", batch_tokens=1000)
    predictor = LogitsPredictor(classifier, tokenizer("wordpiece"), inference)
    with cpu_threads(threads):
        _, together = predictor.outputs(texts)
        for text, expected in zip(texts, together, strict=True):
            assert predictor.outputs([text])[1][0].tobytes() == expected.tobytes()


class Counting:
    """A model that notes how many windows it reads at a time."""

    def __init__(self) -> None:
        self.config, self.read = model("bert").config, []

    def to(self, device: Any) -> "Counting":
        return self

    def eval(self) -> "Counting":
        return self

    def __call__(self, **inputs: Any) -> Any:
        self.read.append(len(inputs["input_ids"]))
        return model("bert").eval()(**inputs)


def test_on_a_gpu_one_question_asked_alone_is_not_computed_a_batch_of_times(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = SimpleNamespace(type="cuda")
    monkeypatch.setattr(module_of_logits, "default_device", lambda: gpu)
    monkeypatch.setattr(module_of_logits, "on_device", lambda values, device: values)
    monkeypatch.setattr(module_of_logits, "autocast", lambda device, precision: nullcontext())
    inference, counting = InferenceConfig(TASK, WINDOWS, 32, "bf16"), Counting()
    for one in (inference, alone(inference)):
        predictor = LogitsPredictor(counting, tokenizer("wordpiece"), one)
        counting.read.clear()
        windows, _ = predictor.outputs(EXAMPLES[3:4])
        assert len(windows) > 1
        assert (
            sum(counting.read) == len(windows)
            if one.one_by_one
            else all(read in (1, 2, 4, 8) for read in counting.read)
        )
    assert alone(inference).precision == "fp32"


def test_a_gpu_is_asked_for_one_batch_after_the_other_without_waiting_for_any(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = SimpleNamespace(type="cuda")
    monkeypatch.setattr(module_of_logits, "default_device", lambda: gpu)
    monkeypatch.setattr(module_of_logits, "on_device", lambda values, device: values)
    monkeypatch.setattr(module_of_logits, "autocast", lambda device, precision: nullcontext())
    predictor = LogitsPredictor(Counting(), tokenizer("wordpiece"), InferenceConfig(TASK, WINDOWS, 4, "fp32"))  # type: ignore[arg-type]
    prepared = predictor.prepare(EXAMPLES)
    expected = predictor.signals(EXAMPLES)
    with blocking_reads() as waits:
        said = predictor.run(prepared)
    assert len(said[1].batches) > 3
    assert not waits
    assert_same(predictor.signals_of(said), expected)


def test_on_a_cpu_a_question_is_read_alone_as_among_others() -> None:
    inference = InferenceConfig(TASK, WINDOWS, 32, "fp32")
    if not torch.cuda.is_available():
        assert alone(inference) == inference
