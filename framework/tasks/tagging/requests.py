"""What a tagger is asked one at a time, and what it answers."""

from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from framework.errors import DataError
from framework.tasks.tagging.example import Tagged, words_of

if TYPE_CHECKING:
    from framework.tasks.base import Plain


class TaggedRequest(BaseModel):
    """A text; its units are words by Unicode's rules."""

    model_config = ConfigDict(extra="forbid", strict=True)
    most: ClassVar[dict[str, int]] = {"text": 200_000}

    text: str = Field(description="The text to be tagged.", examples=["Анна Петрова переехала из Омска в Тулу."])


class FoundEntity(BaseModel):
    """An entity: characters [start, end) of the text; score: mean probability of its tags."""

    type: str
    text: str
    start: int
    end: int
    score: float


class EntitiesResponse(BaseModel):
    """The entities of a text, in its order."""

    entities: list[FoundEntity]


class TaggedUnit(BaseModel):
    """A word and its tag: characters [start, end) of the text; score: the tag's probability."""

    tag: str
    text: str
    start: int
    end: int
    score: float


class TagsResponse(BaseModel):
    """The words of a text, each with its tag."""

    units: list[TaggedUnit]


def asked(request: TaggedRequest) -> Tagged:
    """The text as an example. Raises DataError for one without words."""
    units = words_of(request.text)
    if not units:
        raise DataError("the text is blank; give a text to be tagged")
    return Tagged("request", "request", request.text, units, None)


def respond(record: "Plain") -> EntitiesResponse | TagsResponse:
    """The answer of a prediction."""
    if "entities" in record:
        return EntitiesResponse(entities=[FoundEntity(**one) for one in record["entities"]])
    return TagsResponse(units=[TaggedUnit(**one) for one in record["units"]])
