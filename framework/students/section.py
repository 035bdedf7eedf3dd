"""The student: its model and its training."""

from pydantic import Field, model_validator

from framework.models.section import ModelSource, PretrainedTokenizer, TokenizerSource, check_tokenizer_fits
from framework.training.section import Training


class Student(Training):
    """A small model. Its training settings stand in the same section (`student.lr`)."""

    model: ModelSource
    tokenizer: TokenizerSource = PretrainedTokenizer()
    split: str = Field(default="train", description="Split that the student is trained on.")
    unlabelled: list[str] = Field(
        default_factory=list,
        description="Splits whose questions are added without their answers: only what teachers think of them counts.",
    )

    @model_validator(mode="after")
    def _check_tokenizer(self) -> "Student":
        check_tokenizer_fits(self.model, self.tokenizer)
        return self
