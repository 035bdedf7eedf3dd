"""An encoder with a question-answering head, such as BERT (Devlin et al., arXiv 1810.04805)."""

from typing import Literal

from pydantic import Field, model_validator

from framework.config import Section
from framework.data.windows_section import WindowSettings
from framework.models.section import (
    LayersModel,
    ModelSource,
    PretrainedTokenizer,
    TokenizerSource,
    check_tokenizer_fits,
)
from framework.training.section import Training


class Encoder(Section):
    """Any Hugging Face encoder, fine-tuned by the recipe or taken as it is."""

    kind: Literal["encoder"] = "encoder"
    model: ModelSource
    tokenizer: TokenizerSource = PretrainedTokenizer()
    fine_tune: Training | None = Field(default=None, description="Left out: the model is taken as it is.")
    split: str = Field(default="train", description="Split that the teacher is fine-tuned on.")
    windows: WindowSettings | None = Field(default=None, description="Default: the recipe's windows.")

    @model_validator(mode="after")
    def _check(self) -> "Encoder":
        if isinstance(self.model, LayersModel):
            raise ValueError("a teacher cannot be made of another teacher's layers: use kind hub, folder or config")
        check_tokenizer_fits(self.model, self.tokenizer)
        if self.fine_tune is None and self.model.kind == "config":
            raise ValueError(
                "a teacher with random weights knows nothing: add `fine_tune`, or take it from hub or folder"
            )
        if self.fine_tune is None and self.split != "train":
            raise ValueError("`split` is what a teacher is fine-tuned on, and this one is taken as it is: drop `split`")
        return self
