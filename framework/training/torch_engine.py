"""The engine of plain PyTorch: fused AdamW, and DistributedDataParallel where there are several workers."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distil.framework.device import autocast, default_device, float32_products
from distil.framework.models.attention import unread_masks
from distil.framework.training.cuda_graphs import CudaRecorder, RecordedModel
from distil.framework.training.engine import frozen_names, parameter_groups, rate_factor, weights_on_cpu
from distil.framework.training.section import Training

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.nn.parallel import DistributedDataParallel

_FILE = "engine.pt"


class TorchEngine:
    """See TrainingEngine. In bf16 and fp16 what is computed well in it is; in fp16 the loss is scaled.

    Nothing in a step waits for the device.
    """

    def __init__(
        self,
        module: "nn.Module",
        training: Training,
        precision: str,
        accumulation: int,
        world_size: int,
        steps: int,
        cuda_graphs: bool,
    ) -> None:
        """See build_engine."""
        import torch

        self.module = module
        self._device, self._precision = default_device(), precision
        self._training, self._steps = training, steps
        self._accumulation, self._world_size = accumulation, world_size
        self._step = self._micro = 0
        self._parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
        self._frozen = frozen_names(module)
        groups = parameter_groups(module, training)
        # Beside the optimizer, whose state a checkpoint replaces.
        self._shares = [group.share for group in groups]
        self._optimizer = torch.optim.AdamW([group.settings for group in groups], lr=training.lr, fused=True)
        self._scaler = torch.amp.GradScaler(self._device.type, enabled=precision == "fp16")
        self._distributed = _distributed(module) if world_size > 1 else None
        self._recorded = RecordedModel(self._run, self._parameters, CudaRecorder()) if cuda_graphs else None

    @property
    def lr(self) -> float:
        """See TrainingEngine."""
        warmup = round(self._training.warmup * self._steps)
        return self._training.lr * rate_factor(self._step, self._steps, warmup)

    def __call__(self, **inputs: "Tensor | bool") -> Any:
        """See TrainingEngine."""
        return self._run(**inputs) if self._recorded is None else self._recorded(**inputs)

    def _run(self, **inputs: "Tensor | bool") -> object:
        """Workers tell each other gradients during the backward pass of a batch's last micro-batch."""
        run = self._distributed
        with (
            unread_masks(),
            nullcontext() if run is None or self._micro + 1 == self._accumulation else run.no_sync(),
            autocast(self._device, self._precision),
            float32_products(self._precision),
        ):
            return (run or self.module)(**inputs)

    def backward(self, loss: "Tensor") -> None:
        """See TrainingEngine."""
        import torch

        # The mean over the workers is what they end with.
        scaled = self._scaler.scale(loss * self._world_size if self._world_size > 1 else loss)
        with float32_products(self._precision):
            torch.autograd.backward(scaled)
            if self._recorded is not None:
                self._recorded.backward()

    def step(self) -> None:
        """See TrainingEngine."""
        from torch.nn.utils import clip_grad_norm_

        self._micro = (self._micro + 1) % self._accumulation
        if self._micro:
            return
        lr = self.lr
        for group, share in zip(self._optimizer.param_groups, self._shares, strict=True):
            group["lr"] = lr * share
        if self._training.clip:
            self._scaler.unscale_(self._optimizer)
            clip_grad_norm_(self._parameters, self._training.clip, foreach=True)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._optimizer.zero_grad(set_to_none=self._recorded is None)
        self._step += 1

    def save(self, folder: Path) -> None:
        """See TrainingEngine. The first worker writes, as all have the same; what is not trained is where it was loaded from."""
        import torch
        import torch.distributed as dist

        folder.mkdir(parents=True, exist_ok=True)
        if dist.get_rank() == 0:
            state = {
                "step": self._step,
                "module": {name: value for name, value in self.module.state_dict().items() if name not in self._frozen},
                "optimizer": self._optimizer.state_dict(),
                "scaler": self._scaler.state_dict(),
            }
            torch.save(state, folder / _FILE)

    def load(self, folder: Path) -> None:
        """See TrainingEngine."""
        import torch

        state = torch.load(folder / _FILE, map_location=self._device, weights_only=True)
        self._step = state["step"]
        missing, unexpected = self.module.load_state_dict(state["module"], strict=False)
        if unexpected or not self._frozen.issuperset(missing):
            raise RuntimeError(
                f"it holds other weights than are trained: {sorted({*unexpected, *missing} - self._frozen)[:3]}"
            )
        self._optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])

    def full_weights(self) -> "dict[str, Tensor]":
        """See TrainingEngine."""
        return weights_on_cpu(self.module)

    def release(self) -> None:
        """See TrainingEngine."""
        self._optimizer.zero_grad()
        del self._distributed, self._recorded, self._optimizer, self._parameters, self.module


def _distributed(module: "nn.Module") -> "DistributedDataParallel":
    """The module with gradients that are the mean over the workers, sent in buckets while others are computed still.

    Some models have parameters that no loss reaches, or leave out layers at random.
    """
    from torch.nn.parallel import DistributedDataParallel

    return DistributedDataParallel(
        module, broadcast_buffers=False, gradient_as_bucket_view=True, find_unused_parameters=True
    )
