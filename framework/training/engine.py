"""The DeepSpeed engine: configuration, optimizer, weights."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

from framework.device import autocast, default_device
from framework.models.bounds import check_room_to_train
from framework.training.section import Engine, Training

if TYPE_CHECKING:
    from deepspeed import DeepSpeedEngine
    from torch import Tensor, nn


def import_deepspeed() -> Any:
    """DeepSpeed, told about the device that is here and kept from compiling an operator that nothing here needs.

    Its shared-memory communication would be compiled at the first start on a CPU, which takes long and a compiler.
    """
    import torch

    if not torch.cuda.is_available():
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    with _not_imported("mlflow"):  # which the autotuner, of no use here, would import into every worker
        import deepspeed
    from deepspeed.utils import logger

    logger.setLevel("WARNING")
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    return deepspeed


@contextmanager
def _not_imported(name: str) -> Iterator[None]:
    """Keep an optional package out, unless it is there already."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # so Python is told that there is no such module
    try:
        yield
    finally:
        del sys.modules[name]


def build_engine(
    model: "nn.Module",
    training: Training,
    engine: Engine,
    precision: str,
    accumulation: int,
    world_size: int,
    total_steps: int,
) -> "DeepSpeedEngine":
    """A DeepSpeed engine over AdamW with linear warm-up and decay.

    In bf16 the weights stay in float32, as where a model is evaluated, and only what is computed with them is in bf16. In fp16,
    whose loss DeepSpeed scales, the model holds rounded weights and the optimizer those in float32, from the first step on. The
    engine sums gradients over `accumulation` micro-batches and averages over workers; the loss that it is given has to be
    scaled accordingly.
    """
    from torch.optim.lr_scheduler import LambdaLR

    deepspeed = import_deepspeed()
    micro_batch = training.micro_batch or -(-training.batch_size // world_size)
    config: dict[str, Any] = {
        "train_micro_batch_size_per_gpu": micro_batch,
        "gradient_accumulation_steps": accumulation,
        "gradient_clipping": training.clip,
        "zero_optimization": {"stage": engine.zero_stage},
        "fp16": {"enabled": precision == "fp16"},
        "optimizer": {"type": "AdamW", "params": {"lr": training.lr, "torch_adam": True}},
        "steps_per_print": sys.maxsize,
        "wall_clock_breakdown": False,
    }
    check_room_to_train(model, precision, engine.zero_stage, world_size)
    model.to(default_device())
    if precision == "bf16":
        model.forward = _autocast(model.forward)
    exact = {name: one.detach().clone() for name, one in model.named_parameters()} if precision == "fp16" else {}
    result, *_ = deepspeed.initialize(
        model=model,
        model_parameters=_parameter_groups(model, training.weight_decay),
        config=config,
        lr_scheduler=lambda optimizer: LambdaLR(
            optimizer, lambda step: rate_factor(step, total_steps, round(training.warmup * total_steps))
        ),
        dist_init_required=False,
    )
    _begin_with(result, exact)
    return result


def _begin_with(engine: "DeepSpeedEngine", weights: dict[str, "Tensor"]) -> None:
    """Let the optimizer begin with `weights`, by name in float32: DeepSpeed has taken those that it had rounded."""
    import torch.distributed as dist
    from deepspeed.utils import safe_set_full_fp32_param, safe_set_local_fp32_param
    from torch.nn.functional import pad

    named = dict(engine.module.named_parameters())
    for name, weight in weights.items():
        parameter = named[name]
        if not parameter.requires_grad:
            continue
        if engine.zero_optimization_stage() == 3:
            size = parameter.ds_tensor.numel()  # of each worker's part, the last of which is filled up
            whole = pad(weight.flatten(), (0, size * dist.get_world_size() - weight.numel()))
            safe_set_local_fp32_param(parameter, whole.narrow(0, size * dist.get_rank(), size))
        else:
            safe_set_full_fp32_param(parameter, weight)


def _autocast(forward: Callable[..., Any]) -> Callable[..., Any]:
    """A module's `forward` that computes in bf16 what is computed well in it."""

    @wraps(forward)
    def in_bf16(*inputs: Any, **named: Any) -> Any:
        with autocast(default_device(), "bf16"):
            return forward(*inputs, **named)

    return in_bf16


def rate_factor(step: int, total: int, warmup: int) -> float:
    """The learning rate of optimizer step `step` (from 0), as a share of its peak."""
    if step < warmup:
        return (step + 1) / warmup
    return max(0.0, (total - step) / max(1, total - warmup))


def _parameter_groups(model: "nn.Module", weight_decay: float) -> list[dict[str, Any]]:
    """Matrices decay; biases and layer norms, which are vectors, do not."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]


def full_weights(engine: "DeepSpeedEngine") -> "dict[str, Tensor]":
    """The model's weights in float32 on the CPU, gathered from all workers where ZeRO-3 has scattered them.

    All workers have to call this together; under ZeRO-3 only the first gets the weights.
    """
    import deepspeed

    weights: dict[str, Tensor] = {}
    if engine.zero_optimization_stage() == 3:
        for name, parameter in engine.module.named_parameters():
            with deepspeed.zero.GatheredParameters([parameter]):
                weights[name] = parameter.detach().float().cpu().clone()
        saved = set(engine.module.state_dict())
        for name, buffer in engine.module.named_buffers():
            if name in saved:
                weights[name] = buffer.detach().cpu().clone()
    else:
        weights = {
            name: (tensor.float() if tensor.is_floating_point() else tensor).detach().cpu().clone()
            for name, tensor in engine.module.state_dict().items()
        }
    if engine.fp16_enabled():
        for name, parameter in engine.module.named_parameters(remove_duplicate=False):
            exact = deepspeed.utils.safe_get_full_fp32_param(parameter)
            if exact is not None and name in weights:
                weights[name] = exact.float().cpu().clone()
    return weights


def release(engine: "DeepSpeedEngine") -> None:
    """Let go of what DeepSpeed still holds of an engine, so that its memory is free once nobody names it."""
    from deepspeed.runtime.zero.parameter_offload import FWD_MODULE_STACK
    from deepspeed.runtime.zero.partitioned_param_coordinator import PartitionedParameterCoordinator

    engine.destroy()
    # ZeRO-3 keeps a module that was run, and a method's cache, behind a decorator, what it found for each, for ever.
    FWD_MODULE_STACK.clear()
    for method in vars(PartitionedParameterCoordinator).values():
        for cell in getattr(method, "__closure__", None) or ():
            if hasattr(cell.cell_contents, "cache_clear"):
                cell.cell_contents.cache_clear()
