"""Tasks as Label Studio exports them (JSON), from a project in which answers are marked in a text."""

from typing import Any

from framework.data.label_studio import finished
from framework.data.records import Fields
from framework.errors import DataError
from framework.tasks.span_qa.example import QARow
from framework.tasks.span_qa.records import parse_row, whole

Record = dict[str, Any]


def task_row(task: Record, place: str, fields: Fields) -> QARow:
    """The question of a task: its marked regions are the answers; unlabelled if nobody has finished an annotation.

    `fields` name what is in the task's `data`, where the text may also be called `text`; the id is the task's unless
    `fields` has one.

    Raises:
        DataError: an annotation that is not one of a text, or as `parse_row` does.
    """
    data = task["data"]
    if "context" not in fields.given and "context" not in data:
        fields = fields.renamed(context="text")
    _, context = fields.find(data, "context")
    annotations = list(finished(task, place))
    answers = [_answer(value, context, place) for regions in annotations for value in regions]
    record = data if "id" in fields.given else {**data, "id": task.get("id")}
    known = {"answers": answers if annotations else None}
    return parse_row({**record, **known}, place, fields.renamed(answers=None, start=None))


def _answer(value: Record, context: Any, place: str) -> Record:
    # The start of a region in HTML is a path.
    offsets = value.get("globalOffsets", {} if "startOffset" in value else value)
    start, end = (whole(offsets.get(name), f"a region's {name}", place) for name in ("start", "end"))
    text = value.get("text")
    if text is None and isinstance(context, str) and start is not None and end is not None:
        if any(ord(letter) > 0xFFFF for letter in context[:end]):
            raise DataError(
                f"{place}: a region comes without its text, and its offsets may count letters in another way; export with "
                "saveTextResult"
            )
        text = context[start:end]
    return {"text": text, "answer_start": start}
