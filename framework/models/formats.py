"""In which numbers the weights of a model are held: floating-point ones and, of large matrices, whole ones of 8 or 4 bits."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from distil.framework.errors import ModelError
from distil.framework.files import read_json

if TYPE_CHECKING:
    import torch
    from transformers import BitsAndBytesConfig, PreTrainedModel

_BYTES = {"fp32": 4.0, "bf16": 2.0, "fp16": 2.0, "int8": 1.0, "nf4": 0.52}  # a number; nf4 with its scales
LEAST_BYTES = min(_BYTES.values())


@dataclass(frozen=True)
class WeightFormat:
    """dtype: of all weights that are not quantised, and of what is computed; quantization: of the matrices in a model's layers."""

    dtype: Literal["fp32", "bf16", "fp16"] = "fp32"
    quantization: Literal["int8", "nf4"] | None = None

    @property
    def name(self) -> str:
        """In tables."""
        return self.quantization or self.dtype

    @property
    def bytes(self) -> float:
        """Of a weight."""
        return _BYTES[self.name]

    @property
    def as_input(self) -> dict[str, str]:
        """What a digest says of it: nothing of float32."""
        if self.quantization is None:
            return {} if self.dtype == "fp32" else {"dtype": self.dtype}
        return {"dtype": self.dtype, "quantization": self.quantization}

    @property
    def torch_dtype(self) -> "torch.dtype":
        """`dtype`."""
        import torch

        return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[self.dtype]

    def settings(self, whole: Sequence[str]) -> "BitsAndBytesConfig | None":
        """How transformers quantises a model while it is loaded; None: not at all. whole: modules that are left as they are."""
        from transformers import BitsAndBytesConfig

        if self.quantization is None:
            return None
        if self.quantization == "int8":
            return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=list(whole) or None)
        return BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=self.torch_dtype,
            llm_int8_skip_modules=list(whole) or None,
        )


FLOAT32 = WeightFormat()


def format_of(source: object) -> WeightFormat:
    """The format that a recipe's model is loaded in; models that are built, not loaded, are in float32."""
    return WeightFormat(getattr(source, "dtype", "fp32"), getattr(source, "quantization", None))


def is_quantised(folder: Path) -> bool:
    """Whether the weights in `folder` are stored in 8 or 4 bits."""
    return _quantisation(folder) is not None


def check_quantised_already(folder: Path, wanted: WeightFormat) -> None:
    """Refuse a model that somebody else has quantised in another way than the recipe says. Raises ModelError."""
    found = _quantisation(folder)
    if found is None:
        return
    kind = "int8" if found.get("load_in_8bit") else "nf4" if found.get("bnb_4bit_quant_type") == "nf4" else None
    if kind is None:
        raise ModelError(
            f"the weights in {folder} are quantised ({found.get('quant_method', 'in a way of their own')}), and distil reads those of "
            "bitsandbytes in int8 or nf4; take the model's full weights, and give it `quantization`"
        )
    if wanted.quantization != kind:
        raise ModelError(
            f"the weights in {folder} are stored in {kind}, and the recipe says {wanted.name}; set `quantization: {kind}`, or take "
            "the model's full weights"
        )


def compute_alike_everywhere(model: "PreTrainedModel") -> None:
    """Have 4 bits computed with in `dtype` on every CPU: on some, bitsandbytes would pack them anew when a model is first asked, round
    their scales and compute in bf16, and it can do so only where the sides of matrices are multiples of 32 and 64."""
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def _quantisation(folder: Path) -> dict[str, object] | None:
    """What its configuration says of how a model is quantised; None where it is not, or there is no configuration to be read."""
    try:
        found = read_json(folder / "config.json").get("quantization_config")
    except (OSError, ValueError, AttributeError):  # of which whoever reads the model tells more
        return None
    return dict(found) if isinstance(found, dict) else None
