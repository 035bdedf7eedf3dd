"""What a model is asked one at a time, and what it answers."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from framework.errors import DataError
from framework.tasks.span_qa.example import QAExample


class QuestionRequest(BaseModel):
    """A question about a text."""

    model_config = ConfigDict(extra="forbid", strict=True)
    most: ClassVar[dict[str, int]] = {"question": 1_000, "context": 200_000}

    question: str = Field(description="The question.", examples=["Где родилась Анна?"])
    context: str = Field(
        description="The text that may hold the answer.", examples=["Анна родилась в Туле и живёт в Омске."]
    )


class SpanResponse(BaseModel):
    """An answer: `context[start:end]`, in code points."""

    answer: str = Field(description="Empty for 'no answer here'.")
    score: float = Field(description="Probability among the candidates.")
    start: int = Field(description="-1 for a generator's text that the context does not hold.")
    end: int


def asked(request: QuestionRequest) -> QAExample:
    """The question as an example. Raises DataError for a text that is blank."""
    for name, text in (("question", request.question), ("context", request.context)):
        if not text.strip():
            raise DataError(f"the {name} has no text; give a question and a context to find its answer in")
    return QAExample("question", request.context, request.question, None)


def respond(record: dict[str, Any]) -> SpanResponse:
    """The answer of a prediction."""
    return SpanResponse(answer=record["answer"], score=record["score"], start=record["start"], end=record["end"])
