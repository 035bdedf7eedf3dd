"""What does a step on what teachers think of texts take beside one of plain fine-tuning?

    OMP_NUM_THREADS=1 .venv/bin/python tests/benchmarks/text_step.py [--rounds 5] [--hidden 256] [--layers 6] [--rows 32768] [--length 128]

The same causal model of random weights, the same batches of prompts with completions, in one process and in turn: the model's own loss on the
completions (transformers' `labels`), and this project's on labels alone and on labels, first bytes and units, of which two teachers have spoken. Forward and
backward pass, clipping and AdamW; processor time of the least of all rounds, and of the median. Of a GPU seconds on the clock, and the most memory, too.
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np
import torch

from distil.framework.data.features import WindowSettings
from distil.framework.device import autocast, default_device
from distil.framework.losses.base import total_loss
from distil.framework.losses.chunks import Chunk
from distil.framework.losses.logits import KL, HardLabel
from distil.framework.models.head_rows import logits_at
from distil.framework.models.section import TrainedTokenizer
from distil.framework.models.tokenizer_training import train_writing_tokenizer
from distil.framework.signals.algebra import Signals
from distil.framework.tables import markdown_rows
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.features import TextRows
from distil.framework.tasks.text.probabilities import places_of
from distil.framework.tasks.text.signal import write_units
from distil.framework.tasks.text.synthetic import Instructions
from distil.framework.tasks.text.task import Text
from distil.framework.training.items import batch_length, model_inputs
from distil.framework.transfer import on_device

_BATCH, _STEPS = 8, 4
_PLAIN = "plain fine-tuning"
Step = Callable[[np.ndarray], torch.Tensor]


class _Said:
    """What two teachers may have said, one signal of which is the mean."""

    def __init__(self, examples: Sequence[Written], signals: Signals) -> None:
        self._numbers = {example.id: number for number, example in enumerate(examples)}
        self._signals = signals

    def prefetch(self, batches: Sequence[Sequence[Any]]) -> None:
        """Nothing to fetch."""

    def signals(self, examples: Sequence[Any], temperatures: Sequence[float]) -> Mapping[float, Sequence[Signals]]:
        rows = np.asarray([self._numbers[example.id] for example in examples])
        return {temperature: [self._signals.take(rows)] for temperature in temperatures}


def main() -> None:
    """Measure all three in turn, and print milliseconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--rows", type=int, default=32_768, help="of the model's vocabulary")
    parser.add_argument("--length", type=int, default=128, help="tokens of a row, about")
    parser.add_argument("--precision", default="fp32")
    given = parser.parse_args()
    examples = _texts(given.length)
    texts = [text for example in examples for text in example.texts]
    tokenizer = train_writing_tokenizer(TrainedTokenizer(kind="bpe", vocab_size=4000), texts)
    features = Text().features(examples, tokenizer, WindowSettings(max_length=2 * given.length))
    ways = _ways(examples, features, given)
    found: dict[str, list[float]] = {name: [] for name in ways}
    memory: dict[str, float] = {}
    batches = np.arange(len(examples)).reshape(-1, _BATCH)
    for _ in range(given.rounds + 1):
        for name, step in ways.items():
            if torch.cuda.is_available():
                torch.cuda.reset_peak_memory_stats()
            began = _clock()
            for rows in batches:
                step(rows)
            found[name].append(1e3 * (_clock() - began) / len(batches))
            if torch.cuda.is_available():
                memory[name] = torch.cuda.max_memory_allocated() / 1e9
    tokens = features.lengths.mean(), (features.lengths - features.begin).mean()
    print(
        f"rows of {tokens[0]:.0f} tokens, {tokens[1]:.0f} of them in completions; vocabulary of {given.rows}; {default_device().type}, {given.precision}"
    )
    rows = []
    for name, times in found.items():
        least, usual = min(times[1:]), median(times[1:])
        plain = found[_PLAIN][1:]
        ratio = median(one / other for one, other in zip(times[1:], plain, strict=True))
        rows.append(
            [
                name,
                f"{least:.1f}",
                f"{least / min(plain):.3f}",
                f"{usual:.1f}",
                f"{ratio:.3f}",
                f"{memory.get(name, 0):.2f}",
            ]
        )
    print(markdown_rows(["a step", "ms, the least", "÷ plain", "ms, median", "÷ plain", "GB"], rows, left=1))


def _clock() -> float:
    if not torch.cuda.is_available():
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def _texts(length: int) -> list[Written]:
    """Prompts with several of the generated completions each, of about so many tokens."""
    records = Instructions(kind="instructions", examples={"train": _STEPS * _BATCH * length}).generate()["train"]
    found, at = [], 0
    for number in range(_STEPS * _BATCH):
        words: list[str] = []
        while sum(map(len, words)) < 3 * length:
            values = records[at].values
            words += [values["prompt"], values["completion"]]
            at += 1
        found.append(Written(str(number), words[0], " " + " ".join(words[1:])))
    return found


def _ways(examples: Sequence[Written], features: TextRows, given: argparse.Namespace) -> dict[str, Step]:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=given.rows,
        hidden_size=given.hidden,
        intermediate_size=4 * given.hidden,
        num_hidden_layers=given.layers,
        num_attention_heads=given.hidden // 64,
        use_cache=False,
    )
    torch.manual_seed(0)
    device = default_device()
    model = LlamaForCausalLM(config).to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    task, source = Text(), _Said(examples, _signals(features))

    def finish(loss: torch.Tensor) -> torch.Tensor:
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return loss

    def plain(rows: np.ndarray) -> torch.Tensor:
        inputs = model_inputs(features, rows, 0, batch_length(features, rows))
        labels = inputs["input_ids"].masked_fill(inputs["attention_mask"] == 0, -100)
        for number, row in enumerate(rows):
            labels[number, : features.begin[row]] = -100
        with autocast(device, given.precision):
            return finish(model(**on_device({**inputs, "labels": labels}, device)).loss)

    def ours(losses: dict[str, Any], signals: _Said | None) -> Step:
        items = task.training_items(examples, features, 0, signals, [1.0] if signals else [], True)

        def step(rows: np.ndarray) -> torch.Tensor:
            inputs = on_device(model_inputs(features, rows, 0, batch_length(features, rows)), device)
            targets = on_device(items.targets(rows, True, 0), device)
            with logits_at(model, targets.tokens), autocast(device, given.precision):
                output = model(**inputs)
            return finish(total_loss(losses, targets.rows(task.logits(output)), 0.0)[0] / len(rows))

        return step

    labels: dict[str, Any] = {"hard_label": HardLabel()}
    return {
        _PLAIN: plain,
        "labels": ours(labels, None),
        "labels, first bytes, units": ours({**labels, "kl": KL(temperature=1.0), "chunk": Chunk()}, source),
    }


def _signals(features: TextRows) -> Signals:
    """At random, with all first bytes named that a teacher may name."""
    rows = np.arange(len(features))
    places = places_of(features, rows, int(features.lengths.max()))
    random = np.random.default_rng(0)
    first = 4 * random.standard_normal((len(places.at), 257))
    first -= np.log(np.exp(first).sum(1, keepdims=True))
    return write_units(first, -random.exponential(5, len(places.at)), places)


if __name__ == "__main__":
    main()
