"""What does asking a teacher cost beside the teacher? Tokens computed ÷ real, and milliseconds of the host an example.

    OMP_NUM_THREADS=1 .venv/bin/python tests/benchmarks/asking.py [--examples 4096] [--profile] [--device-us 2]

Made-up questions of SberQuAD's lengths, short texts with labels, and texts with tagged words are asked about and stored. The
model is called as any, but says the same of every token at once: what is left is tokenising and the host's own work, in CPU
time of the process, without what is done once. Of a GPU only the batches that it would get are counted.

Last, a device that needs so many microseconds a token, and nothing of the host meanwhile: how much longer than it does collecting
take, when tokenising, asking and writing come one after the other, and as they are done? And how much of the host's work is left to
the thread of the model, which has to give the device what it is to do?
"""

import argparse
import cProfile
import os
import pstats
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import torch

import distil.framework.predictors.logits as asking
from distil.framework.data.features import WindowSettings
from distil.framework.models.configuration import new_config
from distil.framework.models.section import ConfigModel, TrainedTokenizer
from distil.framework.models.tokenizer_training import train_tokenizer
from distil.framework.predictors.logits import LogitsPredictor
from distil.framework.progress import SILENT
from distil.framework.signals.collect import SignalWriter, collect, longest_first
from distil.framework.signals.section import SignalSettings
from distil.framework.signals.source import in_chunks
from distil.framework.signals.steps import ask
from distil.framework.tasks.base import InferenceConfig
from distil.framework.tasks.classification.data import Text
from distil.framework.tasks.classification.task import Classification
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.tasks.tagging.example import Tagged
from distil.framework.tasks.tagging.task import Tagging
from tests.benchmarks.signals import made_up

SIZE = {"dim": 16, "n_layers": 1, "n_heads": 1, "hidden_dim": 16}
LABELS = ("A", "B", "C", "D")


class Instant:
    """What is called like a model, and counts what it is given."""

    def __init__(self, config: Any, heads: int | None) -> None:
        self.config, self._heads = config, heads
        self.tokens = self.batches = 0

    def to(self, device: Any) -> "Instant":
        return self

    def eval(self) -> "Instant":
        return self

    def __call__(self, input_ids: Any, attention_mask: Any, **others: Any) -> Any:
        self.tokens += input_ids.numel()
        self.batches += 1
        said = (input_ids % 97).float() / 9
        if self._heads is None:
            return SimpleNamespace(start_logits=said, end_logits=-said)
        drawn = torch.stack([said * (1 + head) / 4 for head in range(self._heads)], dim=-1)
        return SimpleNamespace(logits=drawn)


class Elsewhere(Instant):
    """One that computes on a device of its own, for so many seconds a token."""

    seconds_a_token = 0.0

    def __call__(self, input_ids: Any, attention_mask: Any, **others: Any) -> Any:
        time.sleep(input_ids.numel() * self.seconds_a_token)
        return super().__call__(input_ids, attention_mask, **others)


class InstantTexts(Instant):
    """The same of texts as a whole."""

    def __call__(self, input_ids: Any, attention_mask: Any, **others: Any) -> Any:
        return SimpleNamespace(logits=super().__call__(input_ids, attention_mask, **others).logits[:, 0])


def short_texts(count: int) -> list[Text]:
    """Of 3 to 40 words, half of them of fewer than 9."""
    return [
        Text("", str(number), " ".join(words), None, (LABELS[number % 4],))
        for number, words in enumerate(_drawn(count, 9))
    ]


def tagged_texts(count: int) -> list[Tagged]:
    """Of 3 to 80 words, half of them of fewer than 18."""
    found = []
    for number, words in enumerate(_drawn(count, 18)):
        ends = np.cumsum([len(word) + 1 for word in words]) - 1
        units = tuple((int(end) - len(word), int(end)) for word, end in zip(words, ends, strict=True))
        found.append(Tagged("", str(number), " ".join(words), units, ("O",) * len(words)))
    return found


def _drawn(count: int, median: int) -> Iterator[list[str]]:
    random = np.random.default_rng(0)
    words = made_up(5)[0].context.split()
    for size in np.clip(np.exp(random.normal(np.log(median), 0.6, count)), 3, 80).astype(int):
        yield [str(word) for word in random.choice(words, size)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=4096)
    parser.add_argument("--profile", action="store_true", help="Print where the time goes.")
    parser.add_argument("--device-us", type=float, default=2.0, help="A BERT-base on a fast GPU needs about 2.")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # so that their time is this thread's
    tagging = Tagging(kind="tagging", labels=["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])
    kinds: list[tuple[str, Any, list[Any], Callable[[Any], Instant]]] = [
        ("questions", ExtractiveQA(), made_up(arguments.examples), lambda config: Instant(config, None)),
        (
            "short texts",
            Classification(kind="classification", labels=list(LABELS)),
            short_texts(arguments.examples),
            lambda config: InstantTexts(config, 4),
        ),
        ("tagged texts", tagging, tagged_texts(arguments.examples), lambda config: Instant(config, 5)),
    ]
    print("| | tokens | computed ÷ real | on a GPU | batches | tokenising, ms | the rest, ms | evaluating, ms |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, task, examples, model in kinds:
        _measure(name, task, examples, model, arguments.profile)
    _overlapped(kinds[0][2], arguments.device_us / 1e6)


def _overlapped(examples: list[Any], seconds_a_token: float) -> None:
    """Print how much longer than the device collecting takes."""
    task = ExtractiveQA()
    tokenizer, config = _tokenizer_and_config(task, examples)
    inference = InferenceConfig(task, WindowSettings(), None, "fp32")
    device = Elsewhere(config, None)
    predictor = LogitsPredictor(device, tokenizer, inference)  # type: ignore[arg-type]
    _collect(predictor, examples[:64])
    device.tokens, device.seconds_a_token = 0, seconds_a_token
    settings, took = SignalSettings(), {}
    for way in ("one after the other", "beside it"):
        with tempfile.TemporaryDirectory() as folder:
            began, host, own = time.perf_counter(), time.process_time(), time.thread_time()
            if way == "beside it":
                collect(Path(folder), examples, lambda: predictor, settings, SILENT, "collect")
            else:
                writer = SignalWriter(Path(folder), settings)
                for part in in_chunks(longest_first(examples), settings.shard_size):
                    writer.add(part, ask(predictor, part))
                    writer.flush()
            took[way] = [
                time.perf_counter() - began,
                *(1000 * each / len(examples) for each in (time.process_time() - host, time.thread_time() - own)),
            ]
    busy = device.tokens * seconds_a_token / len(took)
    print(f"\na device that is busy for {busy:.2f} s")
    for way, (wall, host, own) in took.items():
        print(
            f"{way}: {wall / busy:.2f} times as long, {host:.3f} ms of the host an example, {own:.3f} in the model's thread"
        )


def _measure(name: str, task: Any, examples: list[Any], model_of: Callable[[Any], Instant], profiled: bool) -> None:
    tokenizer, config = _tokenizer_and_config(task, examples)
    inference = InferenceConfig(task, WindowSettings(), SignalSettings().batch_size, "fp32")

    def predictor() -> LogitsPredictor:
        return LogitsPredictor(model_of(config), tokenizer, inference)

    _collect(predictor(), examples[:64])  # what is imported and found out once
    collecting = predictor()
    whole, tokenised, in_model = _timed(collecting, examples, lambda part: _collect(collecting, part), profiled)
    on_gpu = predictor()
    with _pretended_gpu():
        _collect(on_gpu, examples)
    evaluating = predictor()
    spent, also_tokenised, also_model = _timed(evaluating, examples, evaluating.predict, profiled)
    model, real = collecting.model, int(task.features(examples, tokenizer, inference.windows).lengths.sum())
    print(
        f"| {name} | {real / len(examples):.0f} | {model.tokens / real:.3f} | "
        f"{on_gpu.model.tokens / real:.3f} | {model.batches} | {tokenised:.3f} | "
        f"{whole - tokenised - in_model:.3f} | {spent - also_tokenised - also_model:.3f} |",
        flush=True,
    )


def _tokenizer_and_config(task: Any, examples: list[Any]) -> tuple[Any, Any]:
    tokenizer = train_tokenizer(
        TrainedTokenizer(kind="wordpiece", vocab_size=8000), [text for one in examples[:2000] for text in one.texts]
    )
    section = ConfigModel(kind="config", architecture="distilbert", config={**SIZE, **task.head_fields()})
    return tokenizer, new_config(section, len(tokenizer), 0)


def _collect(predictor: LogitsPredictor, examples: Sequence[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        collect(Path(folder), examples, lambda: predictor, SignalSettings(), SILENT, "collect")


def _timed(
    predictor: LogitsPredictor, examples: Sequence[Any], work: Callable[[Sequence[Any]], Any], profiled: bool
) -> tuple[float, float, float]:
    """Milliseconds an example: altogether, of tokenising, and of the model."""
    spent = {"features": 0.0, "model": 0.0}

    def clocked(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            begin = time.thread_time()
            try:
                return function(*given, **named)
            finally:
                spent[name] += time.thread_time() - begin

        return call

    kinds = type(predictor.inference.task), type(predictor.model)
    profile = cProfile.Profile()
    with (
        mock.patch.object(kinds[0], "features", clocked("features", kinds[0].features)),
        mock.patch.object(kinds[1], "__call__", clocked("model", kinds[1].__call__)),
    ):
        if profiled:
            profile.enable()
        begin = time.process_time()
        work(examples)
        whole = time.process_time() - begin
        profile.disable()
    if profiled:
        pstats.Stats(profile).sort_stats("tottime").print_stats(18)
    return tuple(1000 * seconds / len(examples) for seconds in (whole, spent["features"], spent["model"]))  # type: ignore[return-value]


@contextmanager
def _pretended_gpu() -> Iterator[None]:
    gpu = SimpleNamespace(type="cuda")
    with (
        mock.patch.object(asking, "default_device", return_value=gpu),
        mock.patch.object(asking, "on_device", lambda values, device: values),
        mock.patch.object(asking, "autocast", return_value=torch.autocast("cpu", enabled=False)),
    ):
        yield


if __name__ == "__main__":
    main()
