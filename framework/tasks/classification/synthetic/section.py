"""The recipe's settings of the generator."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from framework.data.generated import GeneratedSource
from framework.data.records import Record
from framework.tasks.classification.synthetic.phrases import TOPICS


class Messages(GeneratedSource):
    """Generated messages to a shop, in Russian. The seed decides everything, on every machine.

    A message asks about one topic, or several, and mentions others about which it does not ask.
    """

    kind: Literal["messages"] = "messages"
    task: ClassVar[str] = "classification"
    texts: ClassVar[str] = "generated Russian messages"
    items: ClassVar[str] = "messages"
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

    @property
    def labels(self) -> list[str]:
        """The topics, sorted."""
        return sorted(TOPICS)

    def generate(self) -> dict[str, list[Record]]:
        """See GeneratedSource."""
        from framework.tasks.classification.synthetic.generate import generate

        return generate(self)
