"""What does packing save? Processor time of a training's step with `packing`, and without it.

    OMP_NUM_THREADS=1 .venv/bin/python tests/benchmarks/packing.py [--dim 64] [--layers 2] [--steps 20] [--only NAME]

A DistilBERT of this size, with random weights in float32, takes steps (fused AdamW, clipping) on batches as long as those of the quickstarts
and of made-up questions (see padding.py), of which a CPU fills up each to its longest text, and a GPU further. Both ways compute with the same
batches, one after the other, in turn; a ratio is that of one batch, of which the median is shown with its quartiles.
"""

import argparse
import time
from collections.abc import Iterator
from unittest import mock

import numpy as np
import torch
from torch.nn.utils import clip_grad_norm_
from transformers import DistilBertConfig, DistilBertForQuestionAnswering

from distil.framework.data.batches import epoch_batches
from distil.framework.data.features import Features
from distil.framework.models.attention import unread_masks
from distil.framework.models.packing import PLACES, pack, with_places
from distil.framework.tables import markdown_rows
from distil.framework.training.items import batch_length
from distil.launch.quiet import be_quiet, quiet_transformers
from tests.benchmarks.padding import trainings

_VOCABULARY, _WARM = 14_000, 2


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument(
        "--only", help="a part of names and batch sizes that are measured, such as 'made-up questions, 16'"
    )
    arguments = parser.parse_args()
    be_quiet()
    quiet_transformers()
    rows = []
    for name, features, sizes in trainings(None):
        for size in sizes:
            if (arguments.only or "") not in f"{name}, {size}":
                continue
            for device in ("cpu", "cuda"):
                with mock.patch("distil.framework.training.items.device_kind", return_value=device):
                    batches = list(_batches(features, size, arguments.steps + _WARM))
                rows.append([name, str(size), device, *_measured(batches, arguments.dim, arguments.layers)])
                print(*rows[-1], sep="  ", flush=True)
    header = ["", "batch", "lengths as", "tokens ÷ real", "ms a step", "packed", "ratio", "quartiles"]
    print(markdown_rows(header, rows, left=1))


def _batches(features: Features, size: int, count: int) -> Iterator[dict[str, torch.Tensor]]:
    drawn = torch.Generator().manual_seed(0)
    for rows in epoch_batches(features.lengths, size, 0, 0)[:count]:
        inside = np.arange(batch_length(features, rows)) < features.lengths[rows][:, None]
        ids = torch.randint(5, _VOCABULARY, inside.shape, generator=drawn)
        yield {"input_ids": ids, "attention_mask": torch.from_numpy(inside.astype(np.int64))}


def _measured(batches: list[dict[str, torch.Tensor]], dim: int, layers: int) -> list[str]:
    config = DistilBertConfig(
        vocab_size=_VOCABULARY, dim=dim, hidden_dim=4 * dim, n_heads=max(1, dim // 64), n_layers=layers
    )
    models = [DistilBertForQuestionAnswering(config).train() for _ in range(2)]
    pack(models[1])
    optimizers = [torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True) for model in models]
    took = np.zeros((len(batches), 2))
    for number, batch in enumerate(batches):
        for way in (0, 1) if number % 2 else (1, 0):
            before = time.process_time()
            _step(models[way], optimizers[way], with_places(batch) if way else batch)
            took[number, way] = time.process_time() - before
    plain, packed = 1e3 * np.median(took[_WARM:], axis=0)
    ratios = np.percentile(took[_WARM:, 1] / took[_WARM:, 0], (50, 25, 75))
    tokens = sum(batch["input_ids"].numel() for batch in batches) / sum(
        len(with_places(one)[PLACES]) for one in batches
    )
    return [f"{tokens:.3f}", f"{plain:.1f}", f"{packed:.1f}", f"{ratios[0]:.3f}", f"{ratios[1]:.3f} to {ratios[2]:.3f}"]


def _step(model: torch.nn.Module, optimizer: torch.optim.Optimizer, batch: dict[str, torch.Tensor]) -> None:
    gold = torch.ones(len(batch["input_ids"]), dtype=torch.int64)
    with unread_masks():
        loss = model(**batch, start_positions=gold, end_positions=gold).loss
    loss.backward()
    clip_grad_norm_(model.parameters(), 1.0, foreach=True)
    optimizer.step()
    optimizer.zero_grad()


if __name__ == "__main__":
    main()
