"""A model as an ONNX file, by the exporter of transformers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from framework.errors import ModelError, first_line
from framework.export.chatter import without_chatter
from framework.models.attention import is_padded
from framework.models.build import count_parameters

AXES = ("batch", "length")
_MOST_PARAMETERS = 500_000_000  # protobuf files, as ONNX files are, hold 2 GB at most: so many float32 numbers


def write_onnx(model: Any, names: Sequence[str], path: Path) -> None:
    """Write `model` to `path`: int64 [batch, length] for each of its inputs in, float32 logits
    out, both axes free. names: the inputs that its tokenizer gives.

    Raises ModelError for a model that is too large, or of an architecture that cannot be exported.
    """
    import onnx_ir
    import torch
    from transformers.exporters import OnnxConfig, OnnxExporter

    kind, parameters = model.config.model_type, count_parameters(model)
    if parameters > _MOST_PARAMETERS:
        raise ModelError(
            f"an ONNX file holds at most {_MOST_PARAMETERS / 1e6:.0f}M parameters, and this {kind} model has "
            f"{parameters / 1e6:.0f}M; use --no-onnx"
        )
    if is_padded(model):
        raise ModelError(
            f"this {kind} model attends by blocks, whose number an ONNX file would fix; use --no-onnx, or train it with windows "
            "so short that it attends in full"
        )
    inputs = _sample(names)
    free = {0: torch.export.Dim.AUTO, 1: torch.export.Dim.AUTO}
    try:
        with without_chatter():
            exported = OnnxExporter().export(
                model.cpu().eval(), inputs, config=OnnxConfig(dynamic_shapes=dict.fromkeys(inputs, free))
            )
    except Exception as error:  # tracing raises whatever the model's code makes it raise
        raise ModelError(f"cannot export a {kind} model to ONNX ({first_line(error)}); use --no-onnx") from None
    for value in exported.program.graph.inputs:
        value.shape = onnx_ir.Shape(AXES)
    for value in exported.program.graph.outputs:  # of which some have an axis of classes, whose size is known
        sizes = zip(value.shape, (*AXES, "classes"), strict=False)
        value.shape = onnx_ir.Shape([size if isinstance(size, int) else name for size, name in sizes])
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx_ir.save(exported.program, path)


def _sample(names: Sequence[str]) -> dict[str, Any]:
    """Two short windows, one of them padded, so that what the mask does is traced too."""
    import torch

    inputs = {name: torch.zeros((2, 8), dtype=torch.int64) for name in names}
    inputs["input_ids"] += torch.arange(8)
    inputs["attention_mask"] += 1
    inputs["attention_mask"][0, -2:] = 0
    return inputs
