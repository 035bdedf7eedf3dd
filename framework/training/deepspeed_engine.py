"""The engine of DeepSpeed, which shares out optimizer states, gradients and weights over the workers."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from distil.framework.device import autocast, default_device, float32_products
from distil.framework.models.attention import unread_masks
from distil.framework.training.engine import parameter_groups, rate_factor, weights_on_cpu
from distil.framework.training.section import Engine, Training

if TYPE_CHECKING:
    from deepspeed.runtime.engine import DeepSpeedEngine as Theirs
    from torch import Tensor, nn

_Inputs = ParamSpec("_Inputs")
_Output = TypeVar("_Output")


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


class DeepSpeedEngine:
    """See TrainingEngine. In bf16 the weights stay in float32, and only what is computed with them is in bf16; in fp16, whose loss
    DeepSpeed scales, the module holds rounded weights and the optimizer those in float32, from the first step on."""

    def __init__(
        self,
        module: "nn.Module",
        training: Training,
        engine: Engine,
        precision: str,
        accumulation: int,
        world_size: int,
        steps: int,
    ) -> None:
        """See build_engine."""
        import torch.distributed as dist
        from torch.nn import functional
        from torch.optim.lr_scheduler import LambdaLR

        deepspeed = import_deepspeed()
        if not deepspeed.comm.is_initialized():
            deepspeed.init_distributed(dist_backend=dist.get_backend(), auto_mpi_discovery=False, verbose=False)
        config: dict[str, object] = {
            "train_micro_batch_size_per_gpu": training.micro_batch or -(-training.batch_size // world_size),
            "gradient_accumulation_steps": accumulation,
            "gradient_clipping": training.clip,
            "zero_optimization": {"stage": engine.zero_stage},
            "fp16": {"enabled": precision == "fp16"},
            "optimizer": {"type": "AdamW", "params": {"lr": training.lr, "torch_adam": True}},
            "steps_per_print": sys.maxsize,
            "wall_clock_breakdown": False,
            "timers": {"throughput": {"enabled": False}},  # which waits for the device in every step
        }
        if precision == "bf16":
            module.forward = _autocast(module.forward)
        exact = {name: one.detach().clone() for name, one in module.named_parameters()} if precision == "fp16" else {}
        warmup = round(training.warmup * steps)
        self._engine: Theirs
        with _linear(functional.linear):
            self._engine, *_ = deepspeed.initialize(
                model=module,
                model_parameters=[
                    {**group.settings, "lr": training.lr * group.share} for group in parameter_groups(module, training)
                ],
                config=config,
                lr_scheduler=lambda optimizer: LambdaLR(optimizer, lambda step: rate_factor(step, steps, warmup)),
                dist_init_required=False,
            )
            self._linear = functional.linear
        self._precision, self._averages_over = precision, world_size * accumulation
        _begin_with(self._engine, exact)

    @property
    def module(self) -> "nn.Module":
        """See TrainingEngine."""
        module: nn.Module = self._engine.module
        return module

    @property
    def lr(self) -> float:
        """See TrainingEngine."""
        return float(max(self._engine.get_lr()))

    def __call__(self, **inputs: "Tensor | bool") -> Any:
        """See TrainingEngine."""
        with unread_masks(), float32_products(self._precision), _linear(self._linear):
            return self._engine(**inputs)

    def backward(self, loss: "Tensor") -> None:
        """See TrainingEngine. DeepSpeed divides by micro-batches and workers."""
        with float32_products(self._precision), _linear(self._linear):
            self._engine.backward(loss * self._averages_over)

    def step(self) -> None:
        """See TrainingEngine."""
        self._engine.step()

    def save(self, folder: Path) -> None:
        """See TrainingEngine."""
        self._engine.save_checkpoint(str(folder.parent), tag=folder.name, save_latest=False)

    def load(self, folder: Path) -> None:
        """See TrainingEngine."""
        with _plain_data():
            loaded, _ = self._engine.load_checkpoint(str(folder.parent), tag=folder.name)
        if loaded is None:
            raise FileNotFoundError("nothing for DeepSpeed to load")

    def full_weights(self) -> "dict[str, Tensor]":
        """See TrainingEngine. Under ZeRO-3, which scatters them, only the first worker gets them."""
        import deepspeed

        engine = self._engine
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
            weights = weights_on_cpu(engine.module)
        if engine.fp16_enabled():
            for name, parameter in engine.module.named_parameters(remove_duplicate=False):
                exact = deepspeed.utils.safe_get_full_fp32_param(parameter)
                if exact is not None and name in weights:
                    weights[name] = exact.float().cpu().clone()
        return weights

    def release(self) -> None:
        """See TrainingEngine."""
        from deepspeed.runtime.zero.parameter_offload import FWD_MODULE_STACK
        from deepspeed.runtime.zero.partitioned_param_coordinator import PartitionedParameterCoordinator

        self._engine.destroy()
        # ZeRO-3 keeps a module that was run, and a method's cache, behind a decorator, what it found for each, for ever.
        FWD_MODULE_STACK.clear()
        for method in vars(PartitionedParameterCoordinator).values():
            for cell in getattr(method, "__closure__", None) or ():
                if hasattr(cell.cell_contents, "cache_clear"):
                    cell.cell_contents.cache_clear()


@contextmanager
def _linear(function: Callable[..., "Tensor"]) -> Iterator[None]:
    """Have PyTorch's linear layers computed so within the context, and as before afterwards: ZeRO-3 puts a function of its own in their
    place, which keeps no gathered weights and rounds otherwise, and would leave it there for all that the process computes."""
    from torch.nn import functional

    before = functional.linear
    functional.linear = function
    try:
        yield
    finally:
        functional.linear = before


def _begin_with(engine: "Theirs", weights: "dict[str, Tensor]") -> None:
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


def _autocast(forward: Callable[_Inputs, _Output]) -> Callable[_Inputs, _Output]:
    """A module's `forward` that computes in bf16 what is computed well in it."""

    @wraps(forward)
    def in_bf16(*inputs: _Inputs.args, **named: _Inputs.kwargs) -> _Output:
        with autocast(default_device(), "bf16"):
            return forward(*inputs, **named)

    return in_bf16


@contextmanager
def _plain_data() -> Iterator[None]:
    """Have torch.load, by whomever it is called, make nothing but tensors, plain data and DeepSpeed's few records."""
    import torch
    from deepspeed.runtime.fp16.loss_scaler import DynamicLossScaler, LossScaler
    from deepspeed.runtime.zero.config import ZeroStageEnum
    from deepspeed.utils.tensor_fragment import fragment_address

    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        with torch.serialization.safe_globals([DynamicLossScaler, LossScaler, ZeroStageEnum, fragment_address]):
            yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
