"""What models are asked and what they answer, task by task: the types of `Predictor.request` and `Predictor.response`."""

from distil.framework.tasks.classification.usage import LabelsResponse, NumberResponse, TextRequest
from distil.framework.tasks.span_qa.usage import QuestionRequest, SpanResponse
from distil.framework.tasks.tagging.usage import EntitiesResponse, FoundEntity, TaggedRequest, TaggedUnit, TagsResponse
from distil.framework.tasks.text.requests import PromptRequest, TextResponse

__all__ = [
    "EntitiesResponse",
    "FoundEntity",
    "LabelsResponse",
    "NumberResponse",
    "PromptRequest",
    "QuestionRequest",
    "SpanResponse",
    "TaggedRequest",
    "TaggedUnit",
    "TagsResponse",
    "TextRequest",
    "TextResponse",
]
