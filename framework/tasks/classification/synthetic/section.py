"""The recipe's settings of the generator."""

from functools import partial
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from framework.config import Section, Seed
from framework.data.generated import split_readers
from framework.progress import Progress
from framework.tasks.classification.synthetic.phrases import TOPICS

if TYPE_CHECKING:
    from framework.data.records import Fields, Formats, Readers


class Messages(Section):
    """Generated messages to a shop, in Russian. The seed decides everything, on every machine.

    A message asks about one topic, or several, and mentions others about which it does not ask.
    """

    kind: Literal["messages"] = "messages"
    task: ClassVar[str] = "classification"
    texts: ClassVar[str] = "generated Russian messages"
    languages: ClassVar[tuple[str, ...]] = ("ru",)
    seed: Seed = 0
    examples: dict[str, Annotated[int, Field(ge=1, le=1_000_000)]] = Field(
        default_factory=lambda: {"train": 4000, "validation": 500}, description="split -> number of messages"
    )
    requests: int = Field(default=1, ge=1, le=4, description="topics that a message asks about, at most: its labels")
    asides: int = Field(default=2, ge=0, le=4, description="topics that it mentions and does not ask about, at most")
    chats: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of the messages that are written as in a chat, the others as letters",
    )
    label_noise: float = Field(
        default=0.0, ge=0, le=1, description="share of the messages of the split `train` that get a wrong label"
    )

    @field_validator("examples")
    @classmethod
    def _some_examples(cls, examples: dict[str, int]) -> dict[str, int]:
        if not examples:
            raise ValueError("name at least one split, with its number of messages")
        return examples

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.label_noise > 0 and "train" not in self.examples:
            raise ValueError("label_noise spoils the split 'train' alone, and examples names no such split")
        return self

    @property
    def labels(self) -> list[str]:
        """The topics, sorted."""
        return sorted(TOPICS)

    def readers(self, progress: Progress, fields: "Fields", formats: "Formats") -> "Readers":
        """See Source: a function for each split that generates it."""
        from framework.tasks.classification.synthetic.generate import generate

        return split_readers(self.examples, partial(generate, self))
