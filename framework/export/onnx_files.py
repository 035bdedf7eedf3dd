"""ONNX files: writing them, giving them 8 bits, and running them on the CPU."""

import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Self

from distil.framework.errors import ModelError, UserError, first_line
from distil.framework.extras import need
from distil.framework.models.attention import is_padded
from distil.framework.models.bounds import count_parameters

if TYPE_CHECKING:
    import torch
    from onnxruntime import InferenceSession
    from torch import Tensor
    from transformers import PreTrainedConfig, PreTrainedModel

AXES = ("batch", "length")
_EXPORTER = "5.23"  # the transformers whose exporter gives the graph itself, and quantises it
_MOST_PARAMETERS = 500_000_000  # protobuf files, as ONNX files are, hold 2 GB at most: so many float32 numbers


def check_exporter() -> None:
    """Raises UserError where what is installed cannot write the ONNX files that are asked for."""
    need("export to ONNX (--no-onnx does without)", "onnx", "onnx_ir", "onnxscript", "onnxruntime")
    from packaging.version import Version
    from transformers import __version__

    if Version(__version__) < Version(_EXPORTER):
        raise UserError(
            f"export to ONNX takes transformers {_EXPORTER} or newer, and {__version__} is installed; upgrade it, or use --no-onnx"
        )


def write_onnx(model: "PreTrainedModel", names: Sequence[str], path: Path) -> None:
    """Write `model` to `path`: int64 [batch, length] for each of its inputs in, float32 logits
    out, both axes free. names: the inputs that its tokenizer gives.

    `check_exporter` comes first. Raises ModelError for a model that is too large, or of an architecture that cannot be exported.
    """
    import onnx_ir
    import torch
    from transformers.exporters import OnnxConfig, OnnxExporter

    check_exportable(model)
    kind = model.config.model_type
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


def check_exportable(model: "PreTrainedModel") -> None:
    """Raises ModelError for a model that no ONNX file can hold, or not as it is."""
    import torch

    kind, parameters = model.config.model_type, count_parameters(model)
    if parameters > _MOST_PARAMETERS:
        raise ModelError(
            f"an ONNX file holds at most {_MOST_PARAMETERS / 1e6:.0f}M parameters, and this {kind} model has "
            f"{parameters / 1e6:.0f}M; use --no-onnx"
        )
    if model.dtype != torch.float32 or getattr(model, "is_quantized", False):
        raise ModelError(
            f"an ONNX file is made of weights in fp32, and those of this {kind} model are not; use --no-onnx"
        )
    if is_padded(model):
        raise ModelError(
            f"this {kind} model attends by blocks, whose number an ONNX file would fix; use --no-onnx, or train it with windows "
            "so short that it attends in full"
        )


def _sample(names: Sequence[str]) -> dict[str, "Tensor"]:
    """Two short windows, one of them padded, so that what the mask does is traced too."""
    import torch

    inputs = {name: torch.zeros((2, 8), dtype=torch.int64) for name in names}
    inputs["input_ids"] += torch.arange(8)
    inputs["attention_mask"] += 1
    inputs["attention_mask"][0, -2:] = 0
    return inputs


def write_int8(source: Path, target: Path) -> None:
    """Quantise the ONNX model in `source`, without any data: weights, embeddings too, to 8 bits, those of a matrix with
    a scale for each column; activations are scaled as they come, over all windows that are run together.

    Raises ModelError for a graph that cannot be quantised.
    """
    import onnx_ir
    from transformers.exporters import ExportFormat, OnnxRuntimeDynamicConfig, OnnxRuntimeQuantizer

    quantizer = OnnxRuntimeQuantizer(OnnxRuntimeDynamicConfig(per_channel=True))
    try:
        with without_chatter():
            quantised = quantizer.quantize(onnx_ir.load(source), {}, ExportFormat.ONNX)
    except Exception as error:  # the quantiser raises whatever the graph makes it raise
        raise ModelError(f"cannot give the ONNX file 8 bits ({first_line(error)}); use --no-onnx") from None
    onnx_ir.save(quantised, target)


@dataclass(frozen=True)
class OnnxModel:
    """An ONNX Runtime session on the CPU, called as a transformers model is. config: that of the model."""

    session: "InferenceSession"
    config: "PreTrainedConfig"

    def __call__(self, **inputs: "Tensor") -> SimpleNamespace:
        """The outputs by their names, float32 [batch, length] each, of int64 inputs [batch, length]."""
        import torch

        names = [output.name for output in self.session.get_outputs()]
        with refusing(self.config):
            found = self.session.run(names, {name: values.numpy() for name, values in inputs.items()})
        return SimpleNamespace(**{name: torch.from_numpy(values) for name, values in zip(names, found, strict=True)})

    def to(self, device: "torch.device") -> Self:
        """Itself: exports are measured where no GPU is seen."""
        return self

    def eval(self) -> Self:
        """Itself: it knows no training."""
        return self


def open_onnx(path: Path, config: "PreTrainedConfig", threads: int) -> OnnxModel:
    """The model in the file `path`, which computes with so many CPU threads. Raises ModelError, as the model does."""
    return OnnxModel(open_session(path, config, threads), config)


def open_session(path: Path, config: "PreTrainedConfig", threads: int) -> "InferenceSession":
    """ONNX Runtime's session for the file `path`. Raises ModelError."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that wait for work by spinning would slow down what is timed beside it.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    with refusing(config):
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


@contextmanager
def refusing(config: "PreTrainedConfig") -> Iterator[None]:
    """Raises ModelError for whatever ONNX Runtime raises, whose errors have no class in common."""
    try:
        yield
    except Exception as error:
        raise ModelError(
            f"the ONNX file of a {config.model_type} model does not run ({first_line(error)}); use --no-onnx"
        ) from None


@contextmanager
def without_chatter() -> Iterator[None]:
    """Drop what is printed, and what is logged below an error."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)
