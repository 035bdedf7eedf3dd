"""What does asking generative teachers cost? Processor time a question, and what of it is reading, searching and scoring.

    OMP_NUM_THREADS=1 .venv/bin/python tests/benchmarks/generators.py [--questions 48] [--proposals 10]

Questions of SberQuAD's lengths, texts with four labels, and tagged texts, of similar length as those that are asked about together
are, asked of a decoder and of an encoder-decoder with random weights, small and yet so wide that arithmetic counts. Each question has spans of other teachers as candidates beside what the
model writes.
"""

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from distil.framework.data.features import WindowSettings
from distil.framework.generative.causal import CausalWriter
from distil.framework.generative.seq2seq import Seq2SeqWriter
from distil.framework.models.build import random_model, save_model
from distil.framework.models.configuration import new_config
from distil.framework.models.section import ConfigModel, TrainedTokenizer
from distil.framework.models.tokenizer_training import train_tokenizer
from distil.framework.models.tokenizers import fit_to_model
from distil.framework.signals.algebra import Signals
from distil.framework.signals.collect import longest_first
from distil.framework.tasks.base import InferenceConfig
from distil.framework.tasks.classification.task import Classification
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.tasks.span_qa.write import from_spans
from distil.framework.tasks.tagging.task import Tagging
from distil.framework.teachers.generative import Generative
from tests.benchmarks.asking import LABELS, short_texts, tagged_texts
from tests.benchmarks.signals import made_up

MODELS: dict[str, dict[str, Any]] = {
    "gpt2": {"n_embd": 256, "n_layer": 4, "n_head": 4, "n_positions": 1024},
    "t5": {"d_model": 256, "d_kv": 64, "d_ff": 1024, "num_layers": 4, "num_decoder_layers": 4, "num_heads": 4},
}
STEPS = ("read", "search", "log_probs")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=48)
    parser.add_argument("--proposals", type=int, default=10)
    parser.add_argument("--to", type=Path, default=None, help="For what came out, as numpy has it.")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    questions, texts, tagged = (_together(made, arguments.questions) for made in (made_up, short_texts, tagged_texts))
    kinds: list[tuple[str, Any, list[Any], list[Signals]]] = [
        ("questions", ExtractiveQA(), questions, [_proposed(questions, arguments.proposals)]),
        ("short texts", Classification(kind="classification", labels=list(LABELS)), texts, []),
        ("tagged texts", Tagging(kind="tagging", labels=["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]), tagged, []),
    ]
    print("| | model | ms | " + " | ".join(f"{step}, ms" for step in STEPS) + " |")
    print("| --- | --- | " + " | ".join(["---:"] * (1 + len(STEPS))) + " |")
    said = {}
    for name, task, examples, proposals in kinds:
        for model in MODELS:
            with tempfile.TemporaryDirectory() as folder:
                predictor = _predictor(model, task, Path(folder))
            predictor.signals(examples[:1], [one.take(np.arange(1)) for one in proposals])  # what is imported once
            with _clocked() as spent:
                began = time.process_time()
                found = predictor.signals(examples, proposals)
                whole = time.process_time() - began
            said[f"{name} {model}"] = found.log_p
            figures = [1000 * seconds / len(examples) for seconds in (whole, *(spent[step] for step in STEPS))]
            print(f"| {name} | {model} | " + " | ".join(f"{one:.1f}" for one in figures) + " |", flush=True)
    if arguments.to is not None:
        np.savez(arguments.to, **said)


def _together(made: Callable[[int], list[Any]], count: int) -> list[Any]:
    """So many of ten times as many, neither the longest nor the shortest."""
    examples = longest_first(made(10 * count))
    return examples[4 * count : 5 * count]


def _predictor(architecture: str, task: Any, folder: Path) -> Any:
    model = {"kind": "config", "architecture": architecture, "config": MODELS[architecture]}
    tokenizer_of = {"kind": "bpe" if isinstance(task, Tagging) else "wordpiece", "vocab_size": 4000}
    values = {"model": model, "tokenizer": tokenizer_of, "fine_tune": {}, "max_answer": 8}
    teacher = Generative.model_validate({"kind": "generative", **values})
    assert isinstance(teacher.tokenizer, TrainedTokenizer)
    assert isinstance(teacher.model, ConfigModel)
    words = [text for example in made_up(400) for text in example.texts]
    tokenizer = train_tokenizer(
        teacher.tokenizer, [*words, "question: context: answer: label: entities: PER LOC ; A B C D"]
    )
    config = new_config(teacher.model, len(tokenizer), int(tokenizer.pad_token_id or 0))
    made = random_model(teacher.model_kind(task, config), config, 0)
    fit_to_model(tokenizer, made.config)
    save_model(made, tokenizer, folder)
    return teacher.predictor(folder, InferenceConfig(task, WindowSettings(max_length=512), None, "fp32"))


def _proposed(examples: Sequence[QAExample], count: int) -> Signals:
    """A teacher that thinks of `count` spans of two words of each context, one as likely as the next."""
    spans = []
    for example in examples:
        ends = np.cumsum([len(word) + 1 for word in example.context.split(" ")]) - 1
        begins = np.append(0, ends[:-1] + 1)
        spans.append(np.stack([begins[: 5 * count : 5], ends[1 : 1 + 5 * count : 5]], axis=1))
    return from_spans(spans, [-np.arange(count, dtype=float) / 9] * len(spans), [-9.0] * len(spans))


@contextmanager
def _clocked() -> Iterator[dict[str, float]]:
    """Seconds of processor time in every step of either writer."""
    spent: dict[str, float] = defaultdict(float)

    def clocked(step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            began = time.process_time()
            try:
                return function(*given, **named)
            finally:
                spent[step] += time.process_time() - began

        return call

    patches = [
        mock.patch.object(writer, step, clocked(step, getattr(writer, step)))
        for writer in (CausalWriter, Seq2SeqWriter)
        for step in STEPS
    ]
    for patch in patches:
        patch.start()
    try:
        yield spent
    finally:
        for patch in patches:
            patch.stop()


if __name__ == "__main__":
    main()
