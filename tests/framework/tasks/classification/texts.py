"""Generated messages, and tokenizers for them."""

from functools import cache

from distil.framework.data.records import Fields
from distil.framework.models.section import TrainedTokenizer
from distil.framework.models.tokenizer_training import train_tokenizer
from distil.framework.progress import SILENT
from distil.framework.tasks.classification.data import Text
from distil.framework.tasks.classification.synthetic import Messages


@cache
def messages(count: int, requests: int = 1) -> tuple[Text, ...]:
    """With their labels."""
    source = Messages(examples={"train": count}, requests=requests)
    records = source.readers(SILENT, Fields(()), {})["train"]()
    return tuple(Text(r.place, r.values["id"], r.values["text"], None, tuple(r.values["labels"])) for r in records)


@cache
def tokenizer(kind: str = "wordpiece", size: int = 500):  # type: ignore[no-untyped-def]
    """Trained on some of them."""
    section = TrainedTokenizer.model_validate({"kind": kind, "vocab_size": size})
    return train_tokenizer(section, [text.text for text in messages(200)])
