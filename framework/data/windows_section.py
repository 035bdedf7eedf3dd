"""How contexts longer than a model's input are cut."""

from pydantic import Field, model_validator

from framework.config import Section


class WindowSettings(Section):
    """Overlapping windows over the context (Devlin et al., arXiv 1810.04805), in tokens."""

    max_length: int = Field(
        default=384, ge=16, le=1_000_000, description="Tokens of question, context and special tokens together."
    )
    doc_stride: int = Field(
        default=128, ge=0, le=1_000_000, description="Context tokens that neighbouring windows share."
    )
    max_question: int = Field(default=64, ge=1, le=1_000_000, description="Question tokens kept.")

    @model_validator(mode="after")
    def _check(self) -> "WindowSettings":
        # 8 leaves room for the special tokens of every known pair format.
        room = self.max_length - self.max_question - 8
        if self.doc_stride >= room:
            raise ValueError(
                f"doc_stride {self.doc_stride} leaves no new context in a window: max_length {self.max_length} less "
                f"max_question {self.max_question} and special tokens leaves {room}; lower doc_stride or max_question, "
                "or raise max_length"
            )
        return self
