"""Generated news, and tokenizers for them."""

from functools import cache

from distil.framework.data.example import Notebook
from distil.framework.data.records import Fields, Record
from distil.framework.models.section import TrainedTokenizer
from distil.framework.models.tokenizer_training import train_tokenizer
from distil.framework.progress import SILENT
from distil.framework.tasks.tagging.data import FIELDS, NOTES
from distil.framework.tasks.tagging.example import Tagged
from distil.framework.tasks.tagging.synthetic import News
from distil.framework.tasks.tagging.task import Tagging


@cache
def news(count: int) -> tuple[Tagged, ...]:
    """With their tags."""
    return tuple(examples(News(examples={"train": count}).readers(SILENT, Fields(()), {})["train"]()))


def examples(records, task: Tagging | None = None, **fields: str) -> list[Tagged]:  # type: ignore[no-untyped-def]
    """What a task makes of records, or of their values."""
    task = task or Tagging()
    found = [one if isinstance(one, Record) else Record(f"row[{n}]", one) for n, one in enumerate(records)]
    notebook = Notebook(NOTES)
    rows = task.settle(list(task.rows(found, Fields(FIELDS, fields))))
    made = [task.example(row, notebook) for row in rows]
    return [example for example in made if example is not None]


@cache
def tokenizer(kind: str = "wordpiece", size: int = 500):  # type: ignore[no-untyped-def]
    """Trained on some of them."""
    section = TrainedTokenizer.model_validate({"kind": kind, "vocab_size": size})
    return train_tokenizer(section, [example.text for example in news(100)])
