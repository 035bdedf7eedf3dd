"""The forms of an exported model, PyTorch's and the ONNX files that could be written and run, and how long they take."""

import io
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

from distil.framework.answer import Answerer
from distil.framework.data.example import Example
from distil.framework.errors import ModelError, UserError, first_line
from distil.framework.extras import need
from distil.framework.latency import Ask, measure_side_by_side
from distil.framework.models.attention import is_padded
from distil.framework.models.bounds import count_parameters
from distil.framework.predictors.logits import LogitsPredictor

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import PreTrainedConfig, PreTrainedModel

AXES = ("batch", "length")
_EXPORTER = "5.23"  # the transformers whose exporter gives the graph itself, and quantises it
_MOST_PARAMETERS = 500_000_000  # protobuf files, as ONNX files are, hold 2 GB at most: so many float32 numbers
_WARM_UP = 3  # questions that each form answers before it is timed

Form = tuple[str, str]  # a model's name, and that of the form
Opening = Callable[[int], LogitsPredictor]  # opens a form for so many threads


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
    inputs = _sample(names)
    free = {0: torch.export.Dim.AUTO, 1: torch.export.Dim.AUTO}
    try:
        with _without_chatter():
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


def write_int8(source: Path, target: Path) -> None:
    """Quantise the ONNX model in `source`, without any data: weights, embeddings too, to 8 bits, those of a matrix with
    a scale for each column; activations are scaled as they come, over all windows that are run together.

    Raises ModelError for a graph that cannot be quantised.
    """
    import onnx_ir
    from transformers.exporters import ExportFormat, OnnxRuntimeDynamicConfig, OnnxRuntimeQuantizer

    quantizer = OnnxRuntimeQuantizer(OnnxRuntimeDynamicConfig(per_channel=True))
    try:
        with _without_chatter():
            quantised = quantizer.quantize(onnx_ir.load(source), {}, ExportFormat.ONNX)
    except Exception as error:  # the quantiser raises whatever the graph makes it raise
        raise ModelError(f"cannot give the ONNX file 8 bits ({first_line(error)}); use --no-onnx") from None
    onnx_ir.save(quantised, target)


@dataclass(frozen=True)
class OnnxModel:
    """An ONNX Runtime session on the CPU, called as a transformers model is. config: that of the model."""

    session: Any
    config: "PreTrainedConfig"

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


def open_onnx(path: Path, config: "PreTrainedConfig", threads: int) -> OnnxModel:
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
def _refusing(config: "PreTrainedConfig") -> Iterator[None]:
    """Raises ModelError for whatever ONNX Runtime raises, whose errors have no class in common."""
    try:
        yield
    except Exception as error:
        raise ModelError(
            f"the ONNX file of a {config.model_type} model does not run ({first_line(error)}); use --no-onnx"
        ) from None


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Drop what is printed, and what is logged below an error."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)


@dataclass(frozen=True)
class Forms:
    """By name, the files of each form and what opens it for so many threads; problems: why others are missing, in words."""

    opening: dict[str, Opening]
    files: dict[str, list[Path]]
    problems: list[str]

    def drop(self, name: str, problem: str) -> None:
        """Remove a form that cannot be used."""
        del self.opening[name]
        for path in self.files.pop(name):
            path.unlink(missing_ok=True)
            if not any(path.parent.iterdir()):
                path.parent.rmdir()
        self.problems.append(problem)


def make_forms(predictor: LogitsPredictor, folder: Path, example: Example, with_onnx: bool) -> Forms:
    """The forms of the model in `folder`, which `predictor` has open. ONNX files that cannot be written, or cannot answer the
    question of `example`, are left out."""
    forms = Forms({"torch": lambda threads: predictor}, {"torch": sorted(folder.glob("*.safetensors"))}, [])
    if not with_onnx:
        return forms
    onnx, int8 = folder / "onnx/model.onnx", folder / "onnx/model_int8.onnx"
    onnx.parent.mkdir()
    names = predictor.tokenizer.model_input_names
    # Exporters change some models, such as BigBird's attention.
    _add(
        forms,
        "onnx",
        onnx,
        partial(write_onnx, deepcopy(predictor.model), names, onnx),
        partial(_open, predictor, onnx),
        example,
    )
    if "onnx" in forms.files:
        _add(forms, "int8", int8, partial(write_int8, onnx, int8), partial(_open_int8, predictor, int8), example)
    return forms


def _add(forms: Forms, name: str, path: Path, write: Callable[[], None], opening: Opening, example: Example) -> None:
    forms.opening[name], forms.files[name] = opening, [path]
    try:
        write()
        predictor = opening(1)
        Answerer(predictor, predictor.inference).ask(example)
    except ModelError as error:
        forms.drop(name, str(error))


def _open(predictor: LogitsPredictor, path: Path, threads: int) -> LogitsPredictor:
    return replace(predictor, model=open_onnx(path, predictor.model.config, threads))


def _open_int8(predictor: LogitsPredictor, path: Path, threads: int) -> LogitsPredictor:
    # Activations are scaled over all windows that are run together: alone, an answer depends on its question only.
    return replace(_open(predictor, path, threads), inference=replace(predictor.inference, batch_size=1))


def thread_counts() -> list[int]:
    """One thread, and two where there are that many cores."""
    return [count for count in (1, 2) if count <= (os.cpu_count() or 1)]


def time_forms(forms: Mapping[Form, Opening], examples: Sequence[Example]) -> list[dict[str, Any]]:
    """Milliseconds a question of each form of each model, asked alone, from its text to its answer.

    The forms take turns, in one process, so that their ratios hold on a busy machine too.
    """
    if not examples:
        return []
    rows: list[dict[str, Any]] = []
    for threads in thread_counts():
        opened = {key: partial(_asking, opening, threads) for key, opening in forms.items()}
        found = measure_side_by_side(opened, examples, _WARM_UP, threads)
        rows += [{"model": model, "form": form, **asdict(latency)} for (model, form), latency in found.items()]
    return rows


def _asking(opening: Opening, threads: int) -> Ask:
    predictor = opening(threads)
    return Answerer(predictor, predictor.inference).ask
