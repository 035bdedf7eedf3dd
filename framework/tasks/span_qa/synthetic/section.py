"""The recipe's settings of the generator."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from framework.data.generated import GeneratedSource
from framework.data.records import Record
from framework.tasks.span_qa.synthetic.relations import PHRASINGS, RELATIONS

MAX_PERSONS = 4


class Synthetic(GeneratedSource):
    """Generated Russian paragraphs about people. The seed decides everything, on every machine."""

    kind: Literal["synthetic"] = "synthetic"
    task: ClassVar[str] = "extractive_qa"
    texts: ClassVar[str] = "generated Russian paragraphs"
    items: ClassVar[str] = "questions"
    examples: dict[str, Annotated[int, Field(ge=1, le=1_000_000)]] = Field(
        default_factory=lambda: {"train": 5000, "validation": 500}, description="split -> number of questions"
    )
    persons: int = Field(
        default=1, ge=1, le=MAX_PERSONS, description="persons a paragraph; each has all the paragraph's facts"
    )
    facts: int = Field(default=5, ge=1, le=len(RELATIONS), description="facts told about each person")
    questions_per_paragraph: int = Field(
        default=2,
        ge=1,
        le=MAX_PERSONS * len(RELATIONS),
        description="questions asked about one paragraph, all different",
    )
    ways_to_tell: int = Field(default=1, ge=1, le=PHRASINGS, description="sentences in which one fact may be told")
    ways_to_ask: int = Field(default=3, ge=1, le=PHRASINGS, description="questions in which it may be asked for")
    pronouns: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="how often a person once named is called he or she, where that can be told",
    )
    fillers: int = Field(default=1, ge=0, le=3, description="sentences a person that tell nothing")
    label_noise: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of the questions of the split `train` that get a wrong answer",
    )
    unanswerable: float = Field(
        default=0.0, ge=0, le=1, description="share of the questions that ask for a fact not told"
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.questions_per_paragraph > self.persons * self.facts:
            raise ValueError(
                f"questions_per_paragraph is {self.questions_per_paragraph}, but a paragraph holds only "
                f"{self.persons * self.facts} facts (persons x facts); ask fewer or tell more"
            )
        if self.unanswerable > 0 and self.facts == len(RELATIONS):
            raise ValueError(f"with all {len(RELATIONS)} facts told, none is left to ask for in vain; lower facts")
        return self

    def generate(self) -> dict[str, list[Record]]:
        """See GeneratedSource."""
        from framework.tasks.span_qa.synthetic.generate import generate

        return generate(self)
