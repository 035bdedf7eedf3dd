"""Where a model and its tokenizer come from."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from distil.framework.config import MOST_LAYERS, Layer, PathText, Section
from distil.framework.plugins import by_kind

DType = Annotated[
    Literal["fp32", "bf16", "fp16"],
    Field(description="Numbers in which a teacher's weights are loaded, held and stored, and in which it computes."),
]
Quantization = Annotated[
    Literal["int8", "nf4"] | None,
    Field(
        description="Matrices of a teacher's layers in 8 or 4 bits: LLM.int8() (Dettmers et al., arXiv 2208.07339), or NormalFloat "
        "(arXiv 2305.14314). All else of it is in `dtype`."
    ),
]


class HubModel(Section):
    """A model of the Hugging Face hub, or of its local cache."""

    kind: Literal["hub"] = "hub"
    id: str = Field(min_length=1)
    revision: str = "main"
    dtype: DType = "fp32"
    quantization: Quantization = None
    pickled_weights: Literal["refuse", "tensors_only"] = Field(
        default="refuse",
        description="Whether weights that the hub holds only as pytorch_model.bin are read, as tensors and nothing else.",
    )


class FolderModel(Section):
    """A model saved in a local folder in Hugging Face form."""

    kind: Literal["folder"] = "folder"
    path: PathText
    dtype: DType = "fp32"
    quantization: Quantization = None
    pickled_weights: Literal["refuse", "tensors_only"] = "refuse"


class ConfigModel(Section):
    """A model built from a configuration, with random weights drawn from the seed."""

    kind: Literal["config"] = "config"
    architecture: str = Field(min_length=1, description="model_type of transformers: bert, distilbert, roberta, ...")
    config: dict[str, Any] = Field(default_factory=dict, description="Fields of that architecture's configuration.")


class LayersModel(Section):
    """A copy of a teacher with only some of its layers (Sanh et al., arXiv 1910.01108)."""

    kind: Literal["layers"] = "layers"
    teacher: str = Field(description="Name of the teacher whose embeddings, layers and head are copied.")
    layers: list[Layer] = Field(
        min_length=1, max_length=MOST_LAYERS, description="Numbers of the copied layers, from 0; negative from the end."
    )


ModelSource = Annotated[
    HubModel | FolderModel | ConfigModel | LayersModel,
    by_kind(HubModel, FolderModel, ConfigModel, LayersModel),
]


class PretrainedTokenizer(Section):
    """The tokenizer that lies beside the model, or another one from hub or folder."""

    kind: Literal["pretrained"] = "pretrained"
    id: PathText | None = Field(default=None, description="Hub id or folder; default: the model's own.")
    revision: str | None = Field(default=None, description="Of `id` on the hub; default: main.")
    lower_case: bool | None = Field(default=None, description="Overrides what the tokenizer's files say.")

    @model_validator(mode="after")
    def _check(self) -> "PretrainedTokenizer":
        if self.revision is not None and self.id is None:
            raise ValueError("revision belongs to `id`, which is not given: name the tokenizer's id, or drop revision")
        return self


class TrainedTokenizer(Section):
    """A tokenizer that the run trains on the contexts and questions that its model is trained on.

    bpe is byte-level byte-pair encoding, unigram is SentencePiece's model (Kudo, arXiv 1804.10959).
    """

    kind: Literal["wordpiece", "bpe", "unigram"]
    vocab_size: int = Field(default=8000, ge=64, le=1_000_000, description="At most so many tokens.")
    lower_case: bool = False
    strip_accents: bool = Field(default=False, description="й becomes и and ё becomes е, inside the model only.")

    @model_validator(mode="after")
    def _check(self) -> "TrainedTokenizer":
        if self.kind == "bpe" and (self.lower_case or self.strip_accents):
            raise ValueError("byte-level BPE keeps case and accents; drop lower_case and strip_accents")
        return self


TokenizerSource = Annotated[PretrainedTokenizer | TrainedTokenizer, by_kind(PretrainedTokenizer, TrainedTokenizer)]


def check_tokenizer_fits(model: ModelSource | None, tokenizer: TokenizerSource) -> None:
    """Refuse combinations in which a tokenizer's settings would be ignored or missing. Raises ValueError."""
    own = isinstance(tokenizer, PretrainedTokenizer) and tokenizer.id is None
    if isinstance(model, ConfigModel) and own:
        raise ValueError(
            "a model built from a config has no tokenizer of its own: give `tokenizer` a kind (wordpiece, bpe, unigram), "
            "or kind pretrained with an id"
        )
    if isinstance(model, LayersModel) and tokenizer != PretrainedTokenizer():
        raise ValueError(
            f"a model copied from teacher '{model.teacher}' keeps that teacher's tokenizer: drop `tokenizer`"
        )
