"""Causal models as ONNX files that remember what they have read, under the names that optimum and transformers.js know."""

import re
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Self

from distil.framework.errors import ModelError, first_line
from distil.framework.export.onnx_files import check_exportable, open_session, refusing, without_chatter

if TYPE_CHECKING:
    import torch
    from onnxruntime import InferenceSession
    from torch import Tensor
    from transformers import Cache, GenerationConfig, PreTrainedConfig, PreTrainedModel

_REMEMBERED = re.compile(r"past_key_values\.layers\.(\d+)\.(key|value)s")
_AXES = {
    "input_ids": ("batch", "length"),
    "attention_mask": ("batch", "past + length"),
    "position_ids": ("batch", "length"),
    "logits": ("batch", "length", None),
    "past_key_values": ("batch", None, "past", None),
    "present": ("batch", None, "past + length", None),
}  # None: of a size that is known


def write_decoder(model: "PreTrainedModel", path: Path) -> None:
    """Write `model` to `path`. In: int64 `input_ids` [batch, length], `attention_mask` [batch, past + length] and, where the model counts
    by them, `position_ids` [batch, length], and keys and values of what it has read, `past_key_values.0.key` [batch, heads, past, width]
    and so on, of which a new text has none (past is 0). Out: float32 `logits` [batch, length, tokens], and `present.0.key` and so on,
    the same with what it has read now.

    `check_exporter` comes first. Raises ModelError for a model that is too large, or of an architecture that cannot be exported.
    """
    import onnx_ir
    import torch
    from transformers import GenerationConfig
    from transformers.exporters import OnnxConfig, OnnxExporter
    from transformers.exporters.utils import decompose_for_generation

    check_exportable(model)
    kind = model.config.model_type
    if model.config.is_encoder_decoder:
        raise ModelError(
            f"a {kind} model has an encoder and a decoder, and an ONNX file is written of a decoder alone; use --no-onnx"
        )
    inputs = {"input_ids": torch.arange(16).reshape(2, 8) + 1, "attention_mask": torch.ones(2, 8, dtype=torch.int64)}
    inputs["attention_mask"][0, :2] = 0  # so that what the mask does is traced, too
    try:
        with without_chatter():
            stages = decompose_for_generation(
                model.cpu().eval(), inputs, generation_config=GenerationConfig(pad_token_id=0), multi_token_decode=True
            )
            decoder, given = stages["decode"]
            _check_memory(kind, given.get("past_key_values"))
            exported = OnnxExporter().export(decoder, given, config=OnnxConfig(dynamic=True))
    except ModelError:
        raise
    except Exception as error:  # tracing raises whatever the model's code makes it raise
        raise ModelError(f"cannot export a {kind} model to ONNX ({first_line(error)}); use --no-onnx") from None
    for side, prefix in (
        (exported.program.graph.inputs, "past_key_values"),
        (exported.program.graph.outputs, "present"),
    ):
        for value in side:
            found = _REMEMBERED.search(value.name)
            name = value.name if found is None else prefix
            if name not in _AXES:
                raise _remembers_more(kind, name)
            sizes = zip(value.shape, _AXES[name], strict=True)
            value.shape = onnx_ir.Shape([int(str(size)) if axis is None else axis for size, axis in sizes])
            value.name = value.name if found is None else f"{prefix}.{found[1]}.{found[2]}"
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx_ir.save(exported.program, path)


def _check_memory(kind: str, cache: "Cache | None") -> None:
    """Raise ModelError for what `write_decoder` would find only after it has exported a model, which takes long."""
    from transformers.cache_utils import DynamicLayer

    for layer in [] if cache is None else cache.layers:
        if type(layer) is not DynamicLayer:
            raise _remembers_more(kind, type(layer).__name__)


def _remembers_more(kind: str, what: str) -> ModelError:
    return ModelError(
        f"cannot export a {kind} model to ONNX: it remembers more than keys and values ({what}); use --no-onnx"
    )


@dataclass(frozen=True)
class OnnxDecoder:
    """An ONNX Runtime session on the CPU, called as a transformers model is. config, generation_config: those of the model; counts:
    whether it takes positions; widths: heads and width of the keys and values of each layer."""

    session: "InferenceSession"
    config: "PreTrainedConfig"
    generation_config: "GenerationConfig"
    counts: bool
    widths: list[tuple[int, int]]

    def forward(
        self,
        input_ids: "Tensor",
        attention_mask: "Tensor | None" = None,
        position_ids: "Tensor | None" = None,
        past_key_values: "Cache | None" = None,
        use_cache: bool = False,
    ) -> SimpleNamespace:
        """Logits, float32 [B, L, V]; with `use_cache` the keys and values, too."""
        import torch
        from transformers import DynamicCache

        cache = DynamicCache() if past_key_values is None else past_key_values
        past = cache.get_seq_length()
        count, length = input_ids.shape
        mask = torch.ones(count, past + length, dtype=torch.int64) if attention_mask is None else attention_mask
        places = torch.arange(past, past + length).expand(count, -1) if position_ids is None else position_ids
        given = {"input_ids": input_ids, "attention_mask": mask} | ({"position_ids": places} if self.counts else {})
        for layer, (heads, width) in enumerate(self.widths):
            known = cache.layers[layer] if past else None
            nothing = torch.empty(count, heads, 0, width)
            given[f"past_key_values.{layer}.key"] = nothing if known is None else known.keys
            given[f"past_key_values.{layer}.value"] = nothing if known is None else known.values
        names = [output.name for output in self.session.get_outputs()]
        with refusing(self.config):
            found = self.session.run(names, {name: value.contiguous().numpy() for name, value in given.items()})
        said = {name: torch.from_numpy(value) for name, value in zip(names, found, strict=True)}
        for layer in range(len(self.widths) if use_cache else 0):
            new = (said[f"present.{layer}.{part}"][:, :, past:] for part in ("key", "value"))
            cache.update(*new, layer)
        return SimpleNamespace(logits=said["logits"], past_key_values=cache if use_cache else None)

    __call__ = forward

    @property
    def base_model(self) -> Self:
        """Itself: a file has no parts."""
        return self

    @property
    def device(self) -> "torch.device":
        """The CPU."""
        import torch

        return torch.device("cpu")

    @property
    def dtype(self) -> "torch.dtype":
        """That of what goes in and out."""
        import torch

        return torch.float32

    def get_output_embeddings(self) -> None:
        """There is no module for them."""

    def to(self, device: "torch.device") -> Self:
        """Itself: exports are measured where no GPU is seen."""
        return self

    def eval(self) -> Self:
        """Itself: it knows no training."""
        return self


def open_decoder(path: Path, model: "PreTrainedModel", threads: int) -> OnnxDecoder:
    """The file `path`, written of `model`, which computes with so many CPU threads. Raises ModelError, as the model does."""
    session = open_session(path, model.config, threads)
    shapes = {given.name: given.shape for given in session.get_inputs()}
    keys = [shape for name, shape in shapes.items() if name.endswith(".key")]
    widths = [(int(heads), int(width)) for _, heads, _, width in keys]
    return OnnxDecoder(session, model.config, model.generation_config, "position_ids" in shapes, widths)
