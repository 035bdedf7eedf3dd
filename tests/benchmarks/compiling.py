"""Does torch.compile pay for a training on a CPU? Processor time a step, and of compiling.

    OMP_NUM_THREADS=1 .venv/bin/python tests/benchmarks/compiling.py [--width 256] [--batch 16] [--lengths 128 160 160 192]

A DistilBERT of six layers with random weights in float32 takes a step (fused AdamW, clipping) on batches of these lengths as it is, with a
graph for each length (`dynamic=False`), with one graph for all (`dynamic=True`), and by layers, as `engine.compile` does it, each in a process of its own with nothing
compiled beforehand. A step that meets a new graph has its compiling in it, and what compilers in other processes took is shown last.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from resource import RUSAGE_CHILDREN, getrusage

import torch
from torch.nn.utils import clip_grad_norm_
from transformers import DistilBertConfig, DistilBertForQuestionAnswering

from distil.framework.models.attention import unread_masks
from distil.framework.models.compiling import compile_layers

_WAYS: dict[str, bool | None] = {
    "as it is": None,
    "a graph for each length": False,
    "one graph": True,
    "by layers": None,
}
_VOCABULARY = 14_000


def main() -> None:
    """Print the seconds of every step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lengths", type=int, nargs="+", default=[128, 160, 160, 160, 192, 160, 192, 192])
    parser.add_argument("--way", choices=_WAYS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way is not None:
        _train(arguments.way, arguments.width, arguments.batch, arguments.lengths)
        return
    for way in _WAYS:
        print(way, flush=True)
        environment = os.environ | {"TORCHINDUCTOR_CACHE_DIR": tempfile.mkdtemp(prefix="compiled-")}
        subprocess.run([sys.executable, *sys.argv, "--way", way], env=environment, check=True)


def _train(way: str, width: int, batch: int, lengths: list[int]) -> None:
    torch.manual_seed(0)
    size = {"dim": width, "hidden_dim": 4 * width, "n_heads": max(1, width // 64), "n_layers": 6}
    model = DistilBertForQuestionAnswering(DistilBertConfig(vocab_size=_VOCABULARY, **size)).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    if _WAYS[way] is not None:
        model.compile(dynamic=_WAYS[way])
    if way == "by layers":
        compile_layers(model)
    for number, length in enumerate(lengths):
        drawn = torch.Generator().manual_seed(number)
        ids = torch.randint(5, _VOCABULARY, (batch, length), generator=drawn)
        mask = torch.ones_like(ids)
        mask[: batch // 2, length - 7 :] = 0
        gold = torch.zeros(batch, dtype=torch.int64)
        before = time.process_time()
        with unread_masks():
            loss = model(input_ids=ids, attention_mask=mask, start_positions=gold, end_positions=gold).loss
        loss.backward()
        clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        print(f"    {length} tokens: {time.process_time() - before:.2f} s, loss {loss.item():.6f}", flush=True)
    others = getrusage(RUSAGE_CHILDREN)
    print(f"    in other processes: {others.ru_utime + others.ru_stime:.1f} s")


if __name__ == "__main__":
    main()
