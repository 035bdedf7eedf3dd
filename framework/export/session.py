"""Running an ONNX file as if it were the transformers model that it was made of."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

from framework.errors import ModelError, first_line

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class OnnxModel:
    """An ONNX Runtime session on the CPU, called as a transformers model is. config: that of the model."""

    session: Any
    config: Any

    def __call__(self, **inputs: "Tensor") -> SimpleNamespace:
        """The outputs by their names, float32 [batch, length] each, of int64 inputs [batch, length]."""
        import torch

        names = [output.name for output in self.session.get_outputs()]
        with _refusing(self.config):
            found = self.session.run(names, {name: values.numpy() for name, values in inputs.items()})
        return SimpleNamespace(**{name: torch.from_numpy(values) for name, values in zip(names, found, strict=True)})

    def to(self, device: "torch.device") -> Self:
        """Itself: exports are measured where no GPU is seen."""
        return self

    def eval(self) -> Self:
        """Itself: it knows no training."""
        return self


def open_onnx(path: Path, config: Any, threads: int) -> OnnxModel:
    """The model in the file `path`, which computes with so many CPU threads. Raises ModelError, as the model does."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that wait for work by spinning would slow down what is timed beside it.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    with _refusing(config):
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return OnnxModel(session, config)


@contextmanager
def _refusing(config: Any) -> Iterator[None]:
    """Raises ModelError for whatever ONNX Runtime raises, whose errors have no class in common."""
    try:
        yield
    except Exception as error:
        raise ModelError(
            f"the ONNX file of a {config.model_type} model does not run ({first_line(error)}); use --no-onnx"
        ) from None
