"""The recipe's settings of the generator."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from framework.data.generated import GeneratedSource
from framework.data.records import Record


class News(GeneratedSource):
    """Generated news in Russian. The seed decides everything, on every machine.

    Persons, places, organisations and dates are named; some names are those of a person in one sentence, and of a place or an
    organisation in another.
    """

    kind: Literal["news"] = "news"
    task: ClassVar[str] = "tagging"
    texts: ClassVar[str] = "generated Russian news"
    items: ClassVar[str] = "texts"
    examples: dict[str, Annotated[int, Field(ge=1, le=1_000_000)]] = Field(
        default_factory=lambda: {"train": 4000, "validation": 500}, description="split -> number of texts"
    )
    sentences: int = Field(default=2, ge=1, le=20, description="sentences of a text, at most")
    label_noise: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of the entities of the split `train` that are left out, of another type, or a word too long or short",
    )

    def generate(self) -> dict[str, list[Record]]:
        """See GeneratedSource."""
        from framework.tasks.tagging.synthetic.generate import generate

        return generate(self)
