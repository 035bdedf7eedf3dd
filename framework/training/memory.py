"""The memory that training takes, without the activations, which depend on texts and batches."""

from typing import Any

from framework.errors import ModelError


def training_bytes(parameters: int, precision: str, zero_stage: int, workers: int) -> float:
    """Bytes a worker for weights, gradients and AdamW's two moments; activations come on top.

    16 bytes a parameter in fp32, and 2 for a rounded copy of the weights in bf16; 2 + 2 and 12 for the float32 copy and
    moments in fp16. ZeRO stage 1 shares out the optimizer's part, 2 the gradients, 3 the weights too (Rajbhandari et al.,
    arXiv 1910.02054).
    """
    weights, gradients, optimizer = {"fp32": (4.0, 4.0, 8.0), "bf16": (6.0, 4.0, 8.0), "fp16": (2.0, 2.0, 12.0)}[
        precision
    ]
    shares = (
        weights / (workers if zero_stage >= 3 else 1),
        gradients / (workers if zero_stage >= 2 else 1),
        optimizer / (workers if zero_stage >= 1 else 1),
    )
    return sum(shares) * parameters


def check_room_to_train(model: Any, precision: str, zero_stage: int, workers: int) -> None:
    """Refuse to train a model, whose weights are loaded, without memory for the rest; a GPU says so by itself.

    Raises ModelError.
    """
    from framework.device import default_device
    from framework.models.bounds import free_memory
    from framework.models.build import count_parameters

    parameters = count_parameters(model)
    needed = training_bytes(parameters, precision, zero_stage, workers) - 4 * parameters
    there = free_memory()
    if default_device().type == "cpu" and needed > there:
        raise ModelError(
            f"to train {parameters / 1e9:,.2f} billion parameters takes {needed / 1e9:,.1f} GB beside the weights themselves, and "
            f"{there / 1e9:,.1f} GB of this machine's memory are free; take a smaller model, end other programs, or use a larger "
            "machine (or several, with engine.zero_stage)"
        )
