"""What moves the weights of a training: plain PyTorch, or DeepSpeed where optimizer, gradients or weights are shared out."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from distil.framework.device import default_device
from distil.framework.models.bounds import check_room_to_train
from distil.framework.training.section import Engine, Training

if TYPE_CHECKING:
    from torch import Tensor, nn


class TrainingEngine(Protocol):
    """A module with its optimizer. Weights are in float32, whatever is computed with them in; all workers have the same."""

    @property
    def module(self) -> "nn.Module":
        """The module that is trained, as it was built."""

    @property
    def lr(self) -> float:
        """The learning rate of the next step."""

    def __call__(self, **inputs: "Tensor | bool") -> Any:
        """Run the module."""

    def backward(self, loss: "Tensor") -> None:
        """Add the gradient of a micro-batch's share (scalar) in the loss of the batch, which is the sum over micro-batches and
        workers."""

    def step(self) -> None:
        """After each `backward`: move the weights, if that was the batch's last micro-batch."""

    def save(self, folder: Path) -> None:
        """Write to `folder` what `load` needs to go on exactly. All workers have to call this together."""

    def load(self, folder: Path) -> None:
        """Go on from what `save` wrote. Raises what torch.load raises for files that are missing, damaged or hold code."""

    def full_weights(self) -> "dict[str, Tensor]":
        """The module's weights in float32 on the CPU. All workers have to call this together; the first gets them."""

    def release(self) -> None:
        """Let go of everything, so that its memory is free once nobody names the engine."""


def build_engine(
    module: "nn.Module",
    training: Training,
    engine: Engine,
    precision: str,
    accumulation: int,
    world_size: int,
    steps: int,
) -> TrainingEngine:
    """An engine over AdamW with linear warm-up and decay in so many steps, each of `accumulation` micro-batches a worker."""
    check_room_to_train(module, precision, engine.zero_stage, world_size)
    module.to(default_device()).train()
    if engine.backend_here == "torch":
        from distil.framework.training.torch_engine import TorchEngine

        return TorchEngine(module, training, precision, accumulation, world_size, steps)
    from distil.framework.training.deepspeed_engine import DeepSpeedEngine

    return DeepSpeedEngine(module, training, engine, precision, accumulation, world_size, steps)


def rate_factor(step: int, total: int, warmup: int) -> float:
    """The learning rate of optimizer step `step` (from 0), as a share of its peak."""
    if step < warmup:
        return (step + 1) / warmup
    return max(0.0, (total - step) / max(1, total - warmup))


def weights_on_cpu(module: "nn.Module") -> "dict[str, Tensor]":
    """Copies of a module's weights and buffers on the CPU, in float32 where they are floating."""
    return {
        name: (tensor.float() if tensor.is_floating_point() else tensor).detach().cpu().clone()
        for name, tensor in module.state_dict().items()
    }


def parameter_groups(module: "nn.Module", weight_decay: float) -> "list[dict[str, object]]":
    """Matrices decay; biases and layer norms, which are vectors, do not."""
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]
