"""The recipe's settings of the generator."""

from functools import partial
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from framework.config import Section, Seed
from framework.data.generated import split_readers
from framework.progress import Progress

if TYPE_CHECKING:
    from framework.data.records import Fields, Formats, Readers


class News(Section):
    """Generated news in Russian. The seed decides everything, on every machine.

    Persons, places, organisations and dates are named; some names are those of a person in one sentence, and of a place or an
    organisation in another.
    """

    kind: Literal["news"] = "news"
    task: ClassVar[str] = "tagging"
    texts: ClassVar[str] = "generated Russian news"
    languages: ClassVar[tuple[str, ...]] = ("ru",)
    seed: Seed = 0
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

    @field_validator("examples")
    @classmethod
    def _some_examples(cls, examples: dict[str, int]) -> dict[str, int]:
        if not examples:
            raise ValueError("name at least one split, with its number of texts")
        return examples

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.label_noise > 0 and "train" not in self.examples:
            raise ValueError("label_noise spoils the split 'train' alone, and examples names no such split")
        return self

    def readers(self, progress: Progress, fields: "Fields", formats: "Formats") -> "Readers":
        """See Source: a function for each split that generates it."""
        from framework.tasks.tagging.synthetic.generate import generate

        return split_readers(self.examples, partial(generate, self))
