"""What a classifier is asked one at a time, and what it answers."""

from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from framework.errors import DataError
from framework.tasks.classification.data import Text

if TYPE_CHECKING:
    from framework.tasks.base import Plain


class TextRequest(BaseModel):
    """A text, or a pair of texts."""

    model_config = ConfigDict(extra="forbid", strict=True)
    most: ClassVar[dict[str, int]] = {"text": 200_000, "text_pair": 200_000}

    text: str = Field(description="The text that gets a label.", examples=["Где мой заказ? Скидка мне не нужна."])
    text_pair: str | None = Field(default=None, description="The second text of a pair.")


class LabelsResponse(BaseModel):
    """The labels of a text, one or several, and how probable all of them are, the likeliest first."""

    labels: list[str]
    probabilities: dict[str, float]


class NumberResponse(BaseModel):
    """The number of a text."""

    value: float


def asked(request: TextRequest, pairs: bool | None) -> Text:
    """The text as an example. pairs: whether it has to be a pair, None: as it comes. Raises DataError, for a blank one too."""
    if not request.text.strip():
        raise DataError("the text is blank; give a text to be classified")
    if pairs is True and request.text_pair is None:
        raise DataError("this model has learnt pairs of texts; give the text_pair too")
    if pairs is False and request.text_pair is not None:
        raise DataError("this model has learnt single texts, and no pairs; leave the text_pair out")
    if request.text_pair is not None and not request.text_pair.strip():
        raise DataError("the text_pair is blank; give the second text of a pair, or leave it out")
    return Text("request", "request", request.text, request.text_pair, None)


def respond(record: "Plain") -> LabelsResponse | NumberResponse:
    """The answer of a prediction."""
    if "value" in record:
        return NumberResponse(value=record["value"])
    labels = record["labels"] if "labels" in record else [record["label"]]
    ordered = sorted(record["probabilities"].items(), key=lambda pair: -pair[1])
    return LabelsResponse(labels=labels, probabilities=dict(ordered))
