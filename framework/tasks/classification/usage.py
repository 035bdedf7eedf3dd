"""What the card of an exported model says of classification, and code that uses it."""

from collections.abc import Sequence

from framework.tasks.base import CardParts

_TRANSFORMERS = """```python
from transformers import pipeline

classify = pipeline("text-classification", model=".", top_k=None{more})  # this folder
print(classify("Где мой заказ? Скидка мне не нужна.", truncation=True, max_length={max_length}))
```"""

_ONNX = """```python
import onnxruntime
from transformers import AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(".")
session = onnxruntime.InferenceSession("{file}")
inputs = tokenizer("Где мой заказ? Скидка мне не нужна.", truncation=True, max_length={max_length}, return_tensors="np")
(logits,) = session.run(["logits"], dict(inputs))
```"""

_DISTIL = """```sh
distil answer . --text 'Где мой заказ? Скидка мне не нужна.'
distil evaluate . --data texts.csv
```"""


_KINDS = {
    "single_label": "A text classifier: it gives a text one of the labels {labels}.",
    "multi_label": "A text classifier: it gives a text any number of the labels {labels}.",
    "regression": "It gives a text a number.",
}
_FIGURES = {
    "single_label": "Accuracy, the mean of the labels' F1, and Matthews' correlation (MCC, from -1 to 1), by scikit-learn.",
    "multi_label": "F1 over all decisions (micro) and as the mean of the labels' (macro), and the mean of the labels' average "
    "precision, by scikit-learn.",
    "regression": "Pearson's and Spearman's correlation and the mean squared error, by SciPy and scikit-learn.",
}
_LIMITS = {
    "single_label": "It knows no other labels than these {count}, also for a text to which none of them belongs.",
    "multi_label": "It knows no other labels than these {count}.",
    "regression": "It gives no number beyond the least and the greatest that it was made for. What transformers shows is the "
    "number's share of the way from one to the other.",
}


def card_parts(
    problem_type: str, labels: Sequence[str], max_length: int, onnx: str | None, *, pooled: bool
) -> CardParts:
    """max_length: tokens of a row; onnx: an ONNX file, if there is one; pooled: whether long texts are read in windows."""
    named = ", ".join(f"`{label}`" for label in labels)
    code = _TRANSFORMERS.replace("{max_length}", str(max_length)).replace(
        "{more}", "" if problem_type == "single_label" else ', function_to_apply="sigmoid"'
    )
    with_onnx = (
        "The same logits with ONNX Runtime:",
        _ONNX.replace("{file}", onnx or "").replace("{max_length}", str(max_length)),
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
            _DISTIL,
        ),
    )
