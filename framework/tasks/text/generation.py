"""What a recipe says of how models write."""

from pydantic import Field

from distil.framework.config import Section


class TextGeneration(Section):
    """How much a model writes after a prompt, when it is measured, answers or is served: always the likeliest token."""

    max_new_tokens: int = Field(
        default=64,
        ge=1,
        le=32_768,
        description="Tokens of a completion at most, its end included; half of `windows.max_length` where that is less.",
    )
