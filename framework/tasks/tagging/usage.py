"""What the card of an exported model says of tagging, and code that uses it."""

from framework.tasks.base import CardParts
from framework.tasks.tagging.tags import OUTSIDE, TagSet

_EXAMPLE = "Анна Петрова переехала из Омска в Тулу."

_TRANSFORMERS = f"""```python
from transformers import pipeline

tag = pipeline("token-classification", model=".", aggregation_strategy="first")  # this folder
print(tag("{_EXAMPLE}"))
```"""

_ONNX = f"""```python
import onnxruntime
from transformers import AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(".")
session = onnxruntime.InferenceSession("{{file}}")
inputs = tokenizer("{_EXAMPLE}", truncation=True, max_length={{max_length}}, return_tensors="np")
(logits,) = session.run(["logits"], dict(inputs))  # of every token; a word's are those of its first
```"""

_DISTIL = f"""```sh
distil answer . --text '{_EXAMPLE}'
distil evaluate . --data sentences.conll
```"""


def card_parts(tags: TagSet, max_length: int, onnx: str | None) -> CardParts:
    """max_length: tokens of a row; onnx: an ONNX file, if there is one."""
    types = dict.fromkeys(name[2:] or "_" for name in tags.names if name != OUTSIDE) if tags.entities else tags.names
    named = ", ".join(f"`{name}`" for name in types)
    with_onnx = (
        "The same logits with ONNX Runtime:",
        _ONNX.replace("{file}", onnx or "").replace("{max_length}", str(max_length)),
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
            _TRANSFORMERS,
            *(with_onnx if onnx is not None else ()),
            "With distil, which reads long texts in windows"
            + (" and gives no sequence of tags that cannot be:" if tags.entities else ":"),
            _DISTIL,
        ),
    )
