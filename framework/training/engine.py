"""What moves the weights of a training: plain PyTorch, or DeepSpeed where optimizer, gradients or weights are shared out."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from distil.framework.device import default_device
from distil.framework.models.bounds import check_room_to_train
from distil.framework.models.layers import distances_from_head
from distil.framework.training.section import Engine, Training

if TYPE_CHECKING:
    from torch import Tensor, nn


class TrainingEngine(Protocol):
    """A module with its optimizer. Weights that are trained are in float32, whatever is computed with them in; all workers have the
    same."""

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
        """The module's weights on the CPU, in float32 where they are trained. All workers have to call this together; the first gets them."""

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

        return TorchEngine(module, training, precision, accumulation, world_size, steps, engine.cuda_graphs)
    from distil.framework.training.deepspeed_engine import DeepSpeedEngine

    return DeepSpeedEngine(module, training, engine, precision, accumulation, world_size, steps)


def rate_factor(step: int, total: int, warmup: int) -> float:
    """The learning rate of optimizer step `step` (from 0), as a share of its peak."""
    if step < warmup:
        return (step + 1) / warmup
    return max(0.0, (total - step) / max(1, total - warmup))


def weights_on_cpu(module: "nn.Module") -> "dict[str, Tensor]":
    """Copies of a module's weights and buffers on the CPU, in float32 where they are floating, but for those that are not trained."""
    frozen = frozen_names(module)
    return {
        name: (tensor.float() if tensor.is_floating_point() and name not in frozen else tensor).detach().cpu().clone()
        for name, tensor in module.state_dict().items()
    }


def frozen_names(module: "nn.Module") -> frozenset[str]:
    """Names, in the module's state, of what is not trained: weights, and what tells how these are packed."""
    trained = {name for name, one in module.named_parameters(remove_duplicate=False) if one.requires_grad}
    buffers = {name for name, _ in module.named_buffers(remove_duplicate=False)}
    return frozenset(module.state_dict()) - trained - buffers


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that are moved alike. share: of the learning rate."""

    parameters: "list[nn.Parameter]"
    weight_decay: float
    share: float

    @property
    def settings(self) -> dict[str, object]:
        """As optimizers take a group."""
        return {"params": self.parameters, "weight_decay": self.weight_decay}


def parameter_groups(module: "nn.Module", training: Training) -> list[ParameterGroup]:
    """Matrices decay; biases and layer norms, which are vectors, do not. With `layer_decay` each layer has a share of the rate of
    the one above it, embeddings the smallest, the head all of it (Howard & Ruder, arXiv 1801.06146; so ELECTRA is fine-tuned,
    Clark et al., arXiv 2003.10555). Raises ModelError for a model whose layers cannot be told."""
    named = [(name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad]
    distances = distances_from_head(module) if training.layer_decay < 1 else {}
    groups = []
    for distance in sorted(set(distances.values()) or {0}):
        here = [parameter for name, parameter in named if distances.get(name, 0) == distance]
        share = training.layer_decay**distance
        groups += [
            ParameterGroup([one for one in here if one.dim() > 1], training.weight_decay, share),
            ParameterGroup([one for one in here if one.dim() <= 1], 0.0, share),
        ]
    return [group for group in groups if group.parameters]
