"""Using a tagger: what it is asked one at a time and what it answers, and what the card of an exported one says."""

from typing import TYPE_CHECKING, ClassVar

from pydantic import ConfigDict, Field

from distil.framework.config import Worded
from distil.framework.errors import DataError
from distil.framework.tasks.reports import CardParts
from distil.framework.tasks.tagging.example import Tagged, words_of
from distil.framework.tasks.tagging.tags import OUTSIDE, TagSet

if TYPE_CHECKING:
    from distil.framework.tasks.base import Plain


class TaggedRequest(Worded):
    """A text; its units are words by Unicode's rules."""

    model_config = ConfigDict(extra="forbid", strict=True)
    most: ClassVar[dict[str, int]] = {"text": 200_000}

    text: str = Field(description="The text to be tagged.", examples=["Анна Петрова переехала из Омска в Тулу."])


class FoundEntity(Worded):
    """An entity: characters [start, end) of the text; score: mean probability of its tags."""

    type: str
    text: str
    start: int
    end: int
    score: float


class EntitiesResponse(Worded):
    """The entities of a text, in its order."""

    entities: list[FoundEntity]


class TaggedUnit(Worded):
    """A word and its tag: characters [start, end) of the text; score: the tag's probability."""

    tag: str
    text: str
    start: int
    end: int
    score: float


class TagsResponse(Worded):
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


_EXAMPLES = {
    "en": "Anna Petrova moved from Omsk to Tula.",
    "ru": "Анна Петрова переехала из Омска в Тулу.",
}

_TRANSFORMERS = """```python
from transformers import pipeline

tag = pipeline("token-classification", model=".", aggregation_strategy="first")  # this folder
print(tag("{example}"))
```"""

_ONNX = """```python
import onnxruntime
from transformers import AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(".")
session = onnxruntime.InferenceSession("{file}")
inputs = tokenizer("{example}", truncation=True, max_length={max_length}, return_tensors="np")
(logits,) = session.run(["logits"], dict(inputs))  # of every token; a word's are those of its first
```"""

_DISTIL = """```sh
distil answer . --text '{example}'
distil evaluate . --data sentences.conll
```"""


def card_parts(tags: TagSet, max_length: int, onnx: str | None, language: str) -> CardParts:
    """max_length: tokens of a row; onnx: an ONNX file, if there is one; language: of the text that it is asked about."""
    example = _EXAMPLES[language]
    types = dict.fromkeys(name[2:] or "_" for name in tags.names if name != OUTSIDE) if tags.entities else tags.names
    named = ", ".join(f"`{name}`" for name in types)
    with_onnx = (
        "The same logits with ONNX Runtime:",
        _ONNX.replace("{file}", onnx or "").replace("{max_length}", str(max_length)).replace("{example}", example),
    )
    return CardParts(
        pipeline_tag="token-classification",
        introduction=f"It marks entities of the types {named} in a text."
        if tags.entities
        else f"It gives each word of a text one of the tags {named}.",
        results="F1, precision and recall of entities, of which type and both ends have to be right, as seqeval counts them, and the "
        "share of words with the right tag."
        if tags.entities
        else "The share of words with the right tag, and the mean of the tags' F1.",
        limits=("It knows no other types than these." if tags.entities else "It knows no other tags than these.",),
        usage=(
            f"With transformers alone; of a text longer than {max_length} tokens give it parts:",
            _TRANSFORMERS.replace("{example}", example),
            *(with_onnx if onnx is not None else ()),
            "With distil, which reads long texts in windows"
            + (" and gives no sequence of tags that cannot be:" if tags.entities else ":"),
            _DISTIL.replace("{example}", example),
        ),
    )
