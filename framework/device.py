"""Which device and which arithmetic this machine offers."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from distil.framework.errors import RecipeError

if TYPE_CHECKING:
    import torch


def default_device() -> "torch.device":
    """The current GPU, or the CPU where there is none."""
    import torch

    return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")


def device_kind() -> str:
    """cuda where there is a GPU, else cpu."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def resolve_precision(wanted: str) -> str:
    """`wanted`, with auto made bf16 on a GPU that computes in it by itself, and fp32 elsewhere.

    Older ones, such as V100 and T4, only emulate it. Raises RecipeError for fp16 or tf32 on a CPU.
    """
    import torch

    gpu = torch.cuda.is_available()
    if wanted == "auto":
        return "bf16" if gpu and torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if wanted in ("fp16", "tf32") and not gpu:
        raise RecipeError(f"engine.precision: {wanted} needs a GPU and there is none here; use bf16, fp32 or auto")
    return wanted


_LEAST = 16  # windows of a batch for each worker: with fewer, they wait for each other longer than they save


def resolve_workers(wanted: int | str, batch_size: int) -> int:
    """Workers of a training with so many windows a batch: `wanted`, with auto made one a GPU, of which each gets 16 windows or more,
    and at least one."""
    import torch

    return max(1, min(torch.cuda.device_count(), batch_size // _LEAST)) if wanted == "auto" else int(wanted)


def autocast(device: "torch.device", precision: str) -> "torch.autocast":
    """The context in which a model with float32 weights computes in `precision`."""
    import torch

    kinds = {"bf16": torch.bfloat16, "fp16": torch.float16}
    return torch.autocast(device.type, dtype=kinds.get(precision, torch.bfloat16), enabled=precision in kinds)


@contextmanager
def float32_products(precision: str) -> Iterator[None]:
    """In the context a GPU rounds the factors of float32 matrix products to TF32, where `precision` is that."""
    import torch

    if precision != "tf32":
        yield
        return
    settings = torch.backends.cuda.matmul
    before = settings.fp32_precision
    settings.fp32_precision = "tf32"
    try:
        yield
    finally:
        settings.fp32_precision = before


def free_memory() -> None:
    """Give back the memory of what nobody names any more: models and engines are full of circles."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def available_bytes() -> int:
    """Memory that a model may take now: of the GPU, or of the machine where there is none."""
    import psutil
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0])
    return int(psutil.virtual_memory().available)


@contextmanager
def cpu_threads(count: int | None) -> Iterator[None]:
    """Let torch use `count` CPU threads inside the context; None leaves it as it is."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
