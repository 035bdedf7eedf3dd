"""Training a DistilBERT on a GPU: distil's way, with other engines, and as a plain loop."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import cycle, islice, product
from pathlib import Path
from statistics import median
from typing import Any

import torch
from transformers import BertConfig, BertForQuestionAnswering, DistilBertConfig, DistilBertForQuestionAnswering

from distil.framework.data.batches import epoch_batches
from distil.framework.device import autocast
from distil.framework.losses.logits import HardLabel
from distil.framework.models.build import count_parameters, pretrained_model
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import prepare, produce
from distil.framework.store import Store
from distil.framework.training.engine import parameter_groups
from distil.framework.training.history import Report, ReportTo
from distil.framework.training.job import TrainingJob, TrainingSummary
from distil.framework.training.loop import train_in_process
from distil.framework.training.section import Training
from distil.framework.transfer import on_device
from tests.benchmarks.gpu_card import SBERQUAD, Card, recipe

_VOCABULARY = 14_000  # of a DistilBERT for Russian
_PARTS = 6  # into which the steps of a training are cut; the first two do not count


class _Taken(Exception):
    pass


def speed(card: Card) -> Iterator[dict[str, Any]]:
    """As a recipe trains it, in all arithmetics, at 16, 64 and 256 windows a step."""
    job = _job(card)
    for batch, precision, losses, steps, profiled in (
        (16, "bf16", "distilled", 120, True),
        (16, "bf16", "plain", 120, False),
        (64, "bf16", "distilled", 60, True),
        (64, "bf16", "plain", 60, False),
        (256, "bf16", "distilled", 30, False),
        (16, "fp16", "distilled", 60, False),
        (64, "fp16", "distilled", 60, False),
        (16, "fp32", "distilled", 60, False),
        (64, "fp32", "distilled", 30, True),
    ):
        if not (card.dry and precision == "fp16"):
            own = job if losses == "distilled" else _plain(job)
            yield {"losses": losses, **_timed(card, own, batch, precision, steps, profiled)}


def variants(card: Card) -> Iterator[dict[str, Any]]:
    """By DeepSpeed, with nothing shared out and with more and more, beside PyTorch by itself, and that with compiled layers, with CUDA graphs, with
    both, or with layers that see texts alone."""
    job = _job(card)
    for batch, graphs, compiled in product((16, 64), (False,) if card.dry else (False, True), (False, True)):
        row = _timed(card, job, batch, "bf16", 120, True, backend="torch", compile=compiled, cuda_graphs=graphs)
        name = ", ".join(["torch", *["CUDA graphs"] * graphs, *["compiled"] * compiled])
        yield {"backend": name, "zero": 0, **row}
    for stage in range(4):
        row = _timed(card, job, 16, "bf16", 60, True, backend="deepspeed", zero_stage=stage)
        yield {"backend": "deepspeed", "zero": stage, **row}
    for batch, steps in ((16, 60), (64, 60), (256, 30)):
        for packing in (False, True):
            packed = replace(job, training=job.training.model_copy(update={"packing": packing}))
            yield {"packing": packing, **_timed(card, packed, batch, "bf16", steps, True)}


def ideal(card: Card) -> Iterator[dict[str, Any]]:
    """Weights in float32 under autocast, fused AdamW, batches that lie on the device, nothing read from it."""
    job = _job(card)
    for batch, steps in ((16, 120), (64, 60)):
        yield _loop(card, job, _dry(card, batch), _PARTS if card.dry else steps)


def _job(card: Card) -> TrainingJob:
    """The student's training, as a recipe asks for it; its teacher is tiny."""
    size = {"dim": 48, "hidden_dim": 96, "n_heads": 4, "n_layers": 2} if card.dry else {"n_layers": 6}
    tiny = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}

    def student() -> Any:
        return DistilBertForQuestionAnswering(DistilBertConfig(vocab_size=_VOCABULARY, **size))

    def teacher() -> Any:
        return BertForQuestionAnswering(BertConfig(vocab_size=1000, **tiny))

    own = replace(card, folder=card.folder / "speed")
    own.folder.mkdir(exist_ok=True)
    values = recipe(own, 32 if card.dry else 4096, teacher, student)
    taken: list[TrainingJob] = []

    def take(job: TrainingJob, report: ReportTo) -> TrainingSummary:
        taken.append(job)
        raise _Taken

    context, graph = prepare(recipe_from_values(values, "gpu"), take)
    with suppress(_Taken):
        for stage in graph.stages():
            produce(context, stage)
    return taken[0]


def _plain(job: TrainingJob) -> TrainingJob:
    """The same training on labels alone."""
    objective: Any = job.objective
    items = objective.items.with_signals(None)
    return replace(job, objective=replace(objective, items=items, losses={"hard_label": HardLabel()}))


def _dry(card: Card, batch: int) -> int:
    return min(batch, 4) if card.dry else batch


def _timed(
    card: Card, job: TrainingJob, batch: int, precision: str, steps: int, profiled: bool, **engine: Any
) -> dict[str, Any]:
    """Train for so many steps; speeds are the median of those at which the last parts of the steps ran."""
    batch, steps = _dry(card, batch), _PARTS if card.dry else steps
    every = steps // _PARTS
    output = Path(tempfile.mkdtemp(prefix="speed-", dir=card.folder)) / "models" / "out"
    output.mkdir(parents=True)
    changes = {"batch_size": batch, "micro_batch": None, "log_every": every, "checkpoint_every": 10**6}
    own = replace(
        job,
        output=output,
        store=Store(output.parent.parent),
        training=job.training.model_copy(update=changes),
        engine=job.engine.model_copy(update=engine),
        precision=precision,
        steps=steps,
        validation=None,
    )
    speeds: list[Report] = []
    watched: dict[str, Any] = {}
    profiler = torch.profiler.profile()

    def hear(row: Report) -> None:
        if row.kind != "step":
            return
        speeds.append(row)
        if profiled and row.step == 2 * every:
            profiler.start()
        if profiled and row.step == 3 * every:
            profiler.stop()
            watched.update(_in_a_step(profiler, every))

    if not card.dry:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    train_in_process(own, hear)
    counted = [row.metrics for row in speeds if row.step > (3 if profiled else 2) * every]
    windows = median(row["windows_per_second"] for row in counted)
    tokens = median(row["tokens_per_second"] for row in counted)
    return {
        "batch": batch,
        "precision": precision,
        **_reached(card, own.initial, windows, tokens, batch),
        "GB": 0.0 if card.dry else torch.cuda.max_memory_allocated() / 1e9,
        **watched,
    }


def _in_a_step(profiler: Any, steps: int) -> dict[str, float]:
    """What the host launches and waits for in a step, and for how long the device is at work."""
    counts, busy = {}, 0.0
    for event in profiler.key_averages():
        counts[event.key] = event.count
        busy += event.self_device_time_total if str(event.device_type).endswith("CUDA") else 0.0
    launched = sum(
        count for name, count in counts.items() if name.startswith(("cudaLaunch", "cuLaunch", "cudaGraphLaunch"))
    )
    waits = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize")
    return {
        "busy ms a step": busy / 1000 / steps,
        "launches a step": launched / steps,
        "waits a step": sum(counts.get(name, 0) for name in waits) / steps,
        "copies a step": counts.get("cudaMemcpyAsync", 0) / steps,
    }


def _loop(card: Card, job: TrainingJob, batch: int, steps: int) -> dict[str, Any]:
    objective: Any = job.objective
    model: Any = pretrained_model(objective.task, job.initial, 0).to(card.device).train()
    optimizer = torch.optim.AdamW(
        [group.settings for group in parameter_groups(model, Training(weight_decay=0.01))], lr=3e-5, fused=True
    )
    rows = [one for one in epoch_batches(objective.lengths, batch, 0, 0) if len(one) == batch]
    made = [on_device(objective.batch(one, True, number), card.device) for number, one in enumerate(rows[:steps])]

    def run(**inputs: Any) -> Any:
        with autocast(card.device, "bf16"):
            return model(**inputs)

    def step(values: Any) -> None:
        loss, _ = objective.loss(run, values, 0.0)
        (loss / batch).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=True)
        optimizer.step()
        optimizer.zero_grad()

    for values in islice(cycle(made), steps // 4):
        step(values)
    card.wait()
    began = time.perf_counter()
    for values in islice(cycle(made), steps):
        step(values)
    card.wait()
    took = time.perf_counter() - began
    tokens = sum(int(objective.lengths[one].sum()) for one in islice(cycle(rows[: len(made)]), steps))
    return {
        "batch": batch,
        "precision": "bf16",
        **_reached(card, job.initial, batch * steps / took, tokens / took, batch),
    }


def _reached(card: Card, initial: Path, windows: float, tokens: float, batch: int) -> dict[str, float]:
    """windows, tokens: a second, none of them padding."""
    config = DistilBertConfig.from_pretrained(initial)
    model = DistilBertForQuestionAnswering.from_pretrained(initial)
    body = count_parameters(model) - (config.vocab_size + config.max_position_embeddings) * config.dim
    # Forward and backward: 6 operations a parameter and token, and those of attention, which grow with the length.
    flops = tokens * (6 * body + 12 * config.n_layers * config.dim * tokens / windows)
    return {
        "windows/s": windows,
        "tokens/s": tokens,
        "ms a step": 1000 * batch / windows,
        "share of peak": card.share(flops),
        "two epochs of SberQuAD, s": 2 * SBERQUAD / windows,
    }
