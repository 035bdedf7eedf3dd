"""Using a model that answers questions: what it is asked one at a time and what it answers, and what the card of an exported one says."""

from typing import Any, ClassVar

from pydantic import ConfigDict, Field

from distil.framework.config import Worded
from distil.framework.errors import DataError
from distil.framework.tasks.reports import CardParts
from distil.framework.tasks.span_qa.data import QAExample

_EXAMPLES = {
    "en": ("Where was Anna born?", "Anna was born in Tula and lives in Omsk."),
    "ru": ("Где родилась Анна?", "Анна родилась в Туле и живёт в Омске."),
}

_TRANSFORMERS = """```python
import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(".")  # this folder
model = AutoModelForQuestionAnswering.from_pretrained(".").eval()

question = "{question}"
context = "{context}"
inputs = tokenizer(
    question, context, truncation="only_second", max_length={max_length}, return_offsets_mapping=True, return_tensors="pt"
)
offsets = inputs.pop("offset_mapping")[0]
in_context = torch.tensor([part == 1 for part in inputs.sequence_ids(0)])
with torch.inference_mode():
    output = model(**inputs)
spans = output.start_logits[0][:, None] + output.end_logits[0]  # [start, end]
legal = (in_context[:, None] & in_context).triu().tril({longest})
start, end = divmod(int(spans.masked_fill(~legal, -torch.inf).argmax()), len(offsets))
# Some tokenizers count a word's first letter to the space before it, so the answer begins where the token before it ends.
before = offsets[start - 1, 1] if in_context[start - 1] else 0
print(context[min(before, offsets[start, 0]) : offsets[end, 1]].strip())
```"""

_ONNX = """```python
import onnxruntime

session = onnxruntime.InferenceSession("{file}")
inputs = tokenizer(question, context, return_tensors="np")
start_logits, end_logits = session.run(["start_logits", "end_logits"], dict(inputs))
```"""

_DISTIL = """```sh
distil answer . --context '{context}' --question '{question}'
distil evaluate . --data questions.json
```"""


class QuestionRequest(Worded):
    """A question about a text."""

    model_config = ConfigDict(extra="forbid", strict=True)
    most: ClassVar[dict[str, int]] = {"question": 1_000, "context": 200_000}

    question: str = Field(description="The question.", examples=["Где родилась Анна?"])
    context: str = Field(
        description="The text that may hold the answer.", examples=["Анна родилась в Туле и живёт в Омске."]
    )


class SpanResponse(Worded):
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


def card_parts(
    unanswerable: bool, max_length: int, max_answer_length: int, onnx: str | None, language: str
) -> CardParts:
    """max_length: tokens of a window; onnx: an ONNX file, if there is one; language: of the question that it is asked."""

    def asking(code: str) -> str:
        question, context = _EXAMPLES[language]
        return code.replace("{question}", question).replace("{context}", context)

    code = (
        asking(_TRANSFORMERS).replace("{max_length}", str(max_length)).replace("{longest}", str(max_answer_length - 1))
    )
    with_onnx = ("The same logits with ONNX Runtime, after the tokenizer above:", _ONNX.replace("{file}", onnx or ""))
    return CardParts(
        pipeline_tag="question-answering",
        introduction="An extractive question-answering model: it answers a question with a span of a text.",
        results="EM and F1 are as the official SQuAD script computes them"
        + ("; “russian” is the same with ё read as е and without «» and dashes." if language == "ru" else "."),
        limits=(
            "It may say that the text holds no answer."
            if unanswerable
            else "It gives an answer to every question, also where the text holds none.",
        ),
        usage=(
            "With transformers alone; of a longer text it reads the beginning only:",
            code,
            *(with_onnx if onnx is not None else ()),
            "With distil, which cuts long texts into overlapping windows, as when it was measured:",
            asking(_DISTIL),
        ),
    )
