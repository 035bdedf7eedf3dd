"""An ONNX file with 8-bit weights, by ONNX Runtime."""

from pathlib import Path

from framework.errors import ModelError, first_line
from framework.export.chatter import without_chatter


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
