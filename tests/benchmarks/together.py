"""Do several small students share a step? One after another, stacked in one process, and side by side as processes.

    .venv/bin/python tests/benchmarks/together.py [--students 1 2 4] [--dims 32 128] [--steps 15] [--rounds 2]

Students of one architecture (DistilBERT of two layers, random weights, float32, without dropout), each with its own weights, batches of 16
texts of 96 tokens, clipping and fused AdamW. *Stacked*: `torch.func.functional_call` under `vmap` over the students' weights, which lie in
one tensor each; *processes*: each student in its own. A process has one thread; what is computed is the same, which the losses show. Every
measurement is made in new processes, the ways in turn, after three steps that are not counted; of the rounds, the least is shown.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice, product
from multiprocessing import get_context
from typing import Any

import torch
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils import clip_grad_norm_
from transformers import DistilBertConfig, DistilBertForQuestionAnswering

from distil.framework.models.attention import unread_masks
from distil.framework.tables import markdown_rows

_VOCABULARY, _BATCH, _LENGTH, _LAYERS, _WARM, _CLIP, _LR = 2000, 16, 96, 2, 3, 1.0, 1e-3
_NO_DROPOUT = {"dropout": 0.0, "attention_dropout": 0.0, "qa_dropout": 0.0}
Losses = Iterator[list[float]]  # of each step, by student
Way = Callable[[list[int], int], list[Losses]]
"""From students' numbers and their width: what trains them, one after another, a step each time that it is asked."""


def main() -> None:
    """Measure every way with every number of students, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--dims", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    rows = []
    for dim, count in product(arguments.dims, arguments.students):
        students = list(range(count))
        ways: dict[str, list[Callable[[], list[Losses]]]] = {
            "one after another": [partial(_alone, students, dim)],
            "stacked": [partial(_stacked, students, dim)],
            "processes": [partial(_alone, [student], dim) for student in students],
        }
        found: dict[str, list[tuple[float, float, list[float]]]] = {name: [] for name in ways}
        for _ in range(arguments.rounds):
            for name, processes in ways.items():
                found[name].append(_measured(processes, arguments.steps))
        (*_, expected) = found["one after another"][0]
        for name, measured in found.items():
            wall, cpu = (min(column) / (count * arguments.steps) for column in list(zip(*measured, strict=True))[:2])
            apart = max(abs(a - b) for *_, losses in measured for a, b in zip(losses, expected, strict=True))
            rows.append([str(dim), str(count), name, f"{1 / wall:.0f}", f"{1e3 * cpu:.2f}", f"{apart:.0e}"])
            print(*rows[-1], sep="  ", flush=True)
    header = ["width", "students", "way", "steps/s, all together", "processor ms a step", "losses differ by"]
    print(markdown_rows(header, rows, left=3))


def _measured(processes: list[Callable[[], list[Losses]]], steps: int) -> tuple[float, float, list[float]]:
    """Seconds from the common beginning until the last has ended, seconds of all processors, and every student's last loss."""
    forks = get_context("fork")
    barrier = forks.Barrier(len(processes))
    pipes = [forks.Pipe(duplex=False) for _ in processes]
    children = [
        forks.Process(target=_child, args=(process, steps, barrier, to))
        for process, (_, to) in zip(processes, pipes, strict=True)
    ]
    for child in children:
        child.start()
    told = [come.recv() for come, _ in pipes]
    for child in children:
        child.join()
    begun, ended, cpu, losses = zip(*told, strict=True)
    return max(ended) - min(begun), sum(cpu), [loss for some in losses for loss in some]


def _child(process: Callable[[], list[Losses]], steps: int, barrier: Any, to: Any) -> None:
    torch.set_num_threads(1)
    trainings = process()
    for training in trainings:
        list(islice(training, _WARM))
    barrier.wait()
    begun, before = time.monotonic(), time.process_time()
    last = [list(islice(training, steps))[-1] for training in trainings]
    to.send((begun, time.monotonic(), time.process_time() - before, [loss for some in last for loss in some]))
    os._exit(0)


def _student(number: int, dim: int) -> DistilBertForQuestionAnswering:
    torch.manual_seed(number)
    size = {"dim": dim, "hidden_dim": 4 * dim, "n_heads": max(2, dim // 32), "n_layers": _LAYERS}
    return DistilBertForQuestionAnswering(DistilBertConfig(vocab_size=_VOCABULARY, **size, **_NO_DROPOUT)).train()


def _batches(number: int) -> Iterator[tuple[torch.Tensor, ...]]:
    """Tokens and mask [B, L], and where answers begin and end [B]."""
    drawn = torch.Generator().manual_seed(number)
    mask = torch.ones(_BATCH, _LENGTH, dtype=torch.int64)
    mask[: _BATCH // 2, _LENGTH - 7 :] = 0
    while True:
        ids = torch.randint(5, _VOCABULARY, (_BATCH, _LENGTH), generator=drawn)
        gold = torch.randint(0, _LENGTH // 2, (2, _BATCH), generator=drawn)
        yield ids, mask, gold[0], gold[1]


def _alone(students: list[int], dim: int) -> list[Losses]:
    return [_one(student, dim) for student in students]


def _one(student: int, dim: int) -> Losses:
    model = _student(student, dim)
    optimizer = torch.optim.AdamW(model.parameters(), lr=_LR, fused=True)
    for ids, mask, start, end in _batches(student):
        with unread_masks():
            loss = model(input_ids=ids, attention_mask=mask, start_positions=start, end_positions=end).loss
        loss.backward()
        clip_grad_norm_(model.parameters(), _CLIP)
        optimizer.step()
        optimizer.zero_grad()
        yield [loss.item()]


def _stacked(students: list[int], dim: int) -> list[Losses]:
    return [_all(students, dim)]


def _all(students: list[int], dim: int) -> Losses:
    """A step of all students each time."""
    weights, buffers = stack_module_state([_student(student, dim) for student in students])
    model = _student(0, dim)
    optimizer = torch.optim.AdamW(weights.values(), lr=_LR, fused=True)

    def loss_of(weights: Any, buffers: Any, ids: Any, mask: Any, start: Any, end: Any) -> Any:
        asked = {"input_ids": ids, "attention_mask": mask, "start_positions": start, "end_positions": end}
        return functional_call(model, (weights, buffers), kwargs=asked).loss

    losses_of = vmap(loss_of)
    for batches in zip(*map(_batches, students), strict=True):
        # The fused kernel of a CPU is none that vmap can do for all students at once.
        with unread_masks(), sdpa_kernel(SDPBackend.MATH):
            losses = losses_of(weights, buffers, *(torch.stack(column) for column in zip(*batches, strict=True)))
        losses.sum().backward()
        _clip_each(list(weights.values()))
        optimizer.step()
        optimizer.zero_grad()
        yield losses.tolist()


def _clip_each(weights: list[torch.Tensor]) -> None:
    """Every student's gradients by their own norm, as `clip_grad_norm_` does for one."""
    gradients = [weight.grad.flatten(1) for weight in weights if weight.grad is not None]
    norms = torch.stack([gradient.norm(dim=1) for gradient in gradients]).norm(dim=0)
    factors = (_CLIP / (norms + 1e-6)).clamp(max=1.0)[:, None]
    for gradient in gradients:
        gradient.mul_(factors)


if __name__ == "__main__":
    main()
