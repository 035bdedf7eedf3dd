"""Using a classifier: what it is asked one at a time and what it answers, and what the card of an exported one says."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import ConfigDict, Field

from distil.framework.config import Worded
from distil.framework.errors import DataError
from distil.framework.tasks.classification.data import Text
from distil.framework.tasks.reports import CardParts

if TYPE_CHECKING:
    from distil.framework.tasks.base import Plain


class TextRequest(Worded):
    """A text, or a pair of texts."""

    model_config = ConfigDict(extra="forbid", strict=True)
    most: ClassVar[dict[str, int]] = {"text": 200_000, "text_pair": 200_000}

    text: str = Field(description="The text that gets a label.", examples=["Где мой заказ? Скидка мне не нужна."])
    text_pair: str | None = Field(default=None, description="The second text of a pair.")


class LabelsResponse(Worded):
    """The labels of a text, one or several, and how probable all of them are, the likeliest first."""

    labels: list[str]
    probabilities: dict[str, float]


class NumberResponse(Worded):
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


EXAMPLES = {
    "en": ("Where is my order? I do not need a discount.", "The customer asks about an order."),
    "ru": ("Где мой заказ? Скидка мне не нужна.", "Клиент спрашивает о заказе."),
}

_TRANSFORMERS = """```python
from transformers import pipeline

classify = pipeline("text-classification", model=".", top_k=None{more})  # this folder
print(classify({request}, truncation=True, max_length={max_length}))
```"""

_ONNX = """```python
import onnxruntime
from transformers import AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(".")
session = onnxruntime.InferenceSession("{file}")
inputs = tokenizer({texts}, truncation=True, max_length={max_length}, return_tensors="np")
(logits,) = session.run(["logits"], dict(inputs))
```"""

_DISTIL = """```sh
distil answer . {options}
distil evaluate . --data texts.csv
```"""


_KINDS = {
    "single_label": "A text classifier: it gives a text one of the labels {labels}.",
    "multi_label": "A text classifier: it gives a text any number of the labels {labels}.",
    "regression": "It gives a text a number.",
}
_FIGURES = {
    "single_label": "Accuracy, the mean of the labels' F1, and Matthews' correlation (MCC, from -1 to 1), as scikit-learn has them.",
    "multi_label": "F1 over all decisions (micro) and as the mean of the labels' (macro), and the mean of the labels' average "
    "precision, as scikit-learn has them.",
    "regression": "Pearson's and Spearman's correlation and the mean squared error, as SciPy and scikit-learn have them.",
}
_LIMITS = {
    "single_label": "It knows no other labels than these {count}, also for a text to which none of them belongs.",
    "multi_label": "It knows no other labels than these {count}.",
    "regression": "It gives no number beyond the least and the greatest that it was made for. What transformers shows is the "
    "number's share of the way from one to the other.",
}


def card_parts(
    problem_type: str,
    labels: Sequence[str],
    max_length: int,
    onnx: str | None,
    texts: Sequence[str],
    *,
    pooled: bool,
) -> CardParts:
    """max_length: tokens of a row; onnx: an ONNX file, if there is one; texts: what it is asked, a text or a pair; pooled: whether
    long texts are read in windows."""
    named = ", ".join(f"`{label}`" for label in labels)
    quoted = [f'"{text}"' for text in texts]
    fields = ("text", "text_pair")
    pair = ", ".join(f'"{field}": {text}' for field, text in zip(fields, quoted, strict=False))
    request = quoted[0] if len(texts) == 1 else f"{{{pair}}}"
    options = " ".join(f"--{name.replace('_', '-')} '{text}'" for name, text in zip(fields, texts, strict=False))
    code = (
        _TRANSFORMERS.replace("{request}", request)
        .replace("{max_length}", str(max_length))
        .replace("{more}", "" if problem_type == "single_label" else ', function_to_apply="sigmoid"')
    )
    with_onnx = (
        "The same logits with ONNX Runtime:",
        _ONNX.replace("{file}", onnx or "")
        .replace("{texts}", ", ".join(quoted))
        .replace("{max_length}", str(max_length)),
    )
    long_texts = "which reads long texts in windows" if pooled else "which cuts long texts in the same way"
    return CardParts(
        pipeline_tag="text-classification",
        introduction=_KINDS[problem_type].replace("{labels}", named),
        results=_FIGURES[problem_type],
        limits=(_LIMITS[problem_type].replace("{count}", str(len(labels))),),
        usage=(
            f"With transformers alone; of a text longer than {max_length} tokens it reads the beginning only:",
            code,
            *(with_onnx if onnx is not None else ()),
            f"With distil, {long_texts}:",
            _DISTIL.replace("{options}", options),
        ),
    )
