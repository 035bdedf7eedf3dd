"""Logits of a window, whatever else is asked at the same time."""

from contextlib import nullcontext
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from framework.data.features import WindowSettings
from framework.models.build import random_model
from framework.models.configuration import new_config
from framework.models.section import ConfigModel
from framework.predictors import logits as module_of_logits
from framework.predictors.logits import LogitsPredictor, all_logits, alone, padded_lengths
from framework.tasks.base import InferenceConfig
from framework.tasks.span_qa.data import QAExample
from framework.tasks.span_qa.task import ExtractiveQA
from framework.tasks.span_qa.windows import cut_windows
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
    found = all_logits(TASK, model(architecture), windows, 0, batch_size, "fp32")
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


def test_lengths_depend_on_the_window_alone_and_never_outgrow_the_model() -> None:
    lengths = np.asarray([1, 16, 17, 60, 61])
    assert padded_lengths(lengths, 64).tolist() == [16, 16, 32, 64, 64]
    assert padded_lengths(lengths, MOST).tolist() == [16, 16, 32, 61, 61]


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
    monkeypatch.setattr(module_of_logits, "to_device", lambda values, device: values)
    monkeypatch.setattr(module_of_logits, "autocast", lambda device, precision: nullcontext())
    inference, counting = InferenceConfig(TASK, WINDOWS, 32, "bf16"), Counting()
    for one in (inference, alone(inference)):
        predictor = LogitsPredictor(counting, tokenizer("wordpiece"), one)
        counting.read.clear()
        windows, _ = predictor.outputs(EXAMPLES[3:4])
        assert len(windows) > 1
        assert sum(counting.read) == (len(windows) if one.one_by_one else 32 * len(counting.read))
    assert alone(inference).precision == "fp32"


def test_on_a_cpu_a_question_is_read_alone_as_among_others() -> None:
    inference = InferenceConfig(TASK, WINDOWS, 32, "fp32")
    if not torch.cuda.is_available():
        assert alone(inference) == inference
