"""How contexts longer than a model's input are cut."""

from pydantic import Field

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
