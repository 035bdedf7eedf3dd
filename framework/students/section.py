"""The student: its model and its training."""

from pydantic import Field, model_validator

from framework.config import Section
from framework.models.section import (
    ConfigModel,
    ModelSource,
    PretrainedTokenizer,
    TokenizerSource,
    TrainedTokenizer,
    check_tokenizer_fits,
)
from framework.training.section import Training


class Trim(Section):
    """Drops the tokens that no question or context needs from the student's vocabulary, before it is trained."""

    splits: list[str] | None = Field(
        default=None, min_length=1, description="Splits whose tokens are kept; default: all splits of `data`."
    )


class Student(Training):
    """A small model. Its training settings stand in the same section (`student.lr`)."""

    model: ModelSource
    tokenizer: TokenizerSource = PretrainedTokenizer()
    trim: Trim | None = Field(default=None, description="Trims the vocabulary to the recipe's texts.")
    split: str = Field(default="train", description="Split that the student is trained on.")
    unlabelled: list[str] = Field(
        default_factory=list,
        description="Splits whose questions are added without their answers: only what teachers think of them counts.",
    )

    @model_validator(mode="after")
    def _check_tokenizer(self) -> "Student":
        check_tokenizer_fits(self.model, self.tokenizer)
        return self

    @model_validator(mode="after")
    def _check_trim(self) -> "Student":
        if self.trim is not None and isinstance(self.tokenizer, TrainedTokenizer):
            raise ValueError(
                "`trim` drops tokens that the recipe's texts do not need, and a tokenizer that is trained on them has none: "
                "drop `trim`, or lower the tokenizer's vocab_size"
            )
        if self.trim is not None and isinstance(self.model, ConfigModel):
            raise ValueError(
                "`trim` keeps what a model has learnt about its tokens, and one built from a config has learnt nothing: drop "
                "`trim`, and give `tokenizer` a kind (wordpiece, bpe, unigram)"
            )
        return self
