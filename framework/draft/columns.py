"""What the columns of a table are to a task: by their names or, where these say nothing, by what stands in them."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from shlex import quote

from distil.framework.data.records import listed
from distil.framework.draft.table import Table
from distil.framework.errors import DataError

# Names that people give to columns, the likeliest first; in lower case.
NAMES: Mapping[str, Sequence[str]] = {
    "id": ("id", "qid", "question_id", "example_id", "guid", "uuid", "idx", "index", "номер"),
    "context": ("context", "passage", "paragraph", "document", "контекст", "текст", "text"),
    "question": ("question", "query", "вопрос"),
    "answers": ("answers", "answer", "answer_text", "ответ", "ответы"),
    "start": ("answer_start", "answer_begin", "start"),
    "is_impossible": ("is_impossible",),
    "text": ("text", "sentence", "sentence1", "premise", "question1", "text_a", "review", "message", "comment", "content", "body", "title",
             "utterance", "query", "question", "текст", "сообщение", "отзыв", "вопрос"),
    "text_pair": ("text_pair", "sentence2", "hypothesis", "question2", "text_b"),
    "label": ("label", "labels", "class", "category", "topic", "intent", "sentiment", "target", "tag", "tags", "score", "rating", "value",
              "метка", "метки", "класс", "категория", "тема"),
    "tokens": ("tokens", "words"),
    "tags": ("tags", "ner_tags", "labels", "pos_tags"),
    "spans": ("spans", "entities", "label", "labels"),
    "prompt": ("prompt", "instruction", "question", "query", "input", "инструкция", "вопрос"),
    "prompt_input": ("prompt_input", "input"),
    "completion": ("completion", "response", "output", "answer", "reply", "chosen", "ответ"),
    "messages": ("messages", "conversations", "conversation"),
    "system": ("system_prompt", "system"),
}  # fmt: skip
_WRITTEN = ("prompt", "prompt_input", "completion", "messages", "system")  # fields that the task of texts alone has
_MANY = 30  # so many different whole numbers are no labels any more
_SEPARATORS = (";", "|", ",")


@dataclass(frozen=True)
class Meaning:
    """What a recipe says of a table. task: its section; fields: other names of columns, as a source has them; said: what was seen in
    the file, for comments."""

    task: Mapping[str, object]
    fields: Mapping[str, str] = field(default_factory=dict)
    said: Sequence[str] = ()


def meaning_of(table: Table, kind: str | None, given: Mapping[str, str]) -> Meaning:
    """What a table's columns mean to the task of this kind, by default the one that they look like.

    given: names of columns that are known, by the task's own names. Raises DataError where neither names nor contents tell.
    """
    kind = kind or _kind(table, given)
    wrong = next((name for name in given.values() if name.partition(".")[0] not in table.columns), None)
    if wrong is not None:
        raise DataError(f"{table.path} has no column '{wrong}'; found {listed(table.columns)}")
    return _MEANINGS[kind](table, given)


def _kind(table: Table, given: Mapping[str, str]) -> str:
    if any(name in given for name in _WRITTEN) or (not given and _is_written(table)):
        return "text"
    if table.form == "paragraphs":
        return "extractive_qa"
    if table.form == "tagged_lines":
        return "tagging"
    if table.form == "annotated":
        return "extractive_qa" if "question" in _data(table) else "tagging"
    if (_named(table, "tokens") and _named(table, "tags")) or _spans(table) is not None:
        return "tagging"
    if _named(table, "question") and _named(table, "answers"):
        return "extractive_qa"
    return "classification"


def _is_written(table: Table) -> bool:
    """Whether these are conversations, prompts with completions, or texts and no more. Answers with a context are spans of it, and what has
    few kinds is rather a label, unless its name says otherwise."""
    if table.form != "rows":
        return False
    columns = {name.lower() for name in table.columns if name != _named(table, "id")}
    if _named(table, "messages") or {"prompt", "completion"} <= columns or columns == {"text"}:
        return True
    spans = all(_named(table, name) for name in ("context", "question", "answers"))
    completion = _named(table, "completion")
    if completion is None or _named(table, "prompt") is None or spans:
        return False
    return not _are_few(table, completion)


def _question_answering(table: Table, given: Mapping[str, str]) -> Meaning:
    if table.form == "rows":
        fields = _by_name(table, given, ("context", "question", "answers"), ("id", "start", "is_impossible"))
    else:
        fields = dict(given)
    return Meaning({"kind": "extractive_qa"}, _unusual(fields, "answers", ("answer",)))


def _tagging(table: Table, given: Mapping[str, str]) -> Meaning:
    if table.form != "rows":
        return Meaning({"kind": "tagging"}, dict(given))
    spans = given.get("spans") or _spans(table)
    if spans is not None and "tags" not in given:
        return Meaning(
            {"kind": "tagging"},
            _unusual({**_by_name(table, given, ("text",)), "spans": spans}, "spans", NAMES["spans"]),
        )
    fields = _by_name(table, given, ("tokens", "tags"))
    return Meaning(
        {"kind": "tagging"}, _unusual(_unusual(fields, "tags", NAMES["tags"][:3]), "tokens", NAMES["tokens"])
    )


def _classification(table: Table, given: Mapping[str, str]) -> Meaning:
    text = given.get("text") or _named(table, "text") or _longest_text(table)
    pair = given.get("text_pair") or _named(table, "text_pair")
    fields = {"text": text, **({"text_pair": pair} if pair else {}), **({"id": given["id"]} if "id" in given else {})}
    left = [name for name in table.columns if name not in {*fields.values(), _named(table, "id")}]
    asked = next((given[name] for name in ("label", "labels", "value") if name in given), None) or _named(
        table, "label", left
    )
    flags = [name for name in left if _all(table.columns[name], _is_flag)]
    if asked is None and len(flags) > 1:
        return Meaning(
            {"kind": "classification", "problem_type": "multi_label", "labels": flags, "label_columns": True}, _unusual(fields),
            [f"a column of 0 and 1 for each of {len(flags)} labels"],
        )  # fmt: skip
    label = asked or _fewest(table, left)
    kind, task, said = _problem(table, label)
    if not given and _named(table, "text") is None and label in map(str, table.columns[label]):
        raise DataError(
            f"{table.path}: the first line, {listed(table.columns)}, looks like a text and its label; put a line with the columns' names above "
            "it, such as text,label, or if these are their names, say --field label=COLUMN"
        )
    return Meaning(
        {"kind": "classification", **task},
        _unusual({**fields, kind: label}),
        [f"{said} in the column {label}", *_unread(table, [name for name in left if name != label])],
    )


def _texts(table: Table, given: Mapping[str, str]) -> Meaning:
    """Conversations, completions with their prompts, or texts as a whole."""
    asked = next((name for name in ("messages", "completion", "text") if name in given), None)
    asked = asked or ("completion" if {"prompt", "prompt_input"} & {*given} else None)
    form = asked or next((name for name in ("messages", "completion") if _named(table, name)), "text")
    beside = {"completion": ("prompt", "prompt_input", "system", "id"), "messages": ("system", "id"), "text": ("id",)}
    fields = _by_name(table, given, (form,), beside[form])
    more = fields.get("prompt_input")
    if more is not None and "prompt_input" not in given and (more == fields.get("prompt") or not table.columns[more]):
        del fields["prompt_input"]
    told = _unusual(fields, "messages", ("conversations",))
    if form == "completion" and ("text" in table.columns or "system" in fields):
        told = {**fields, **told}  # or else the text may be meant, and nobody be heard before the prompt
    what = {"messages": "conversations", "completion": "completions", "text": "texts to be written as a whole"}[form]
    # Where some records have no conversation, they are read in their own form.
    others = () if told or len(table.columns[fields[form]]) == len(table.rows) else (*_WRITTEN, "text")
    left = [name for name in table.columns if name not in (*fields.values(), *others)]
    return Meaning(
        {"kind": "text"}, told, [f"{what} in the column {fields[form]}", *_unread(table, left, may_pair=False)]
    )


def _unread(table: Table, names: Sequence[str], may_pair: bool = True) -> list[str]:
    """What is said of columns that are left unread. may_pair: whether one of them may be the second text of a pair."""
    names = [name for name in names if name.strip() and table.columns[name]]
    if not names:
        return []
    texts = [name for name in names if may_pair and any(len(text.split()) > 3 for text in table.texts(name)[:100])]
    said = f"not read: {listed(names)}"
    pair = quote(f"text_pair={texts[0]}") if texts else ""
    return [f"{said}; were {texts[0]} the second text of a pair: --field {pair}" if texts else said]


def _problem(table: Table, label: str) -> tuple[str, dict[str, object], str]:
    """The name of the field, what the task's section says, and what was seen."""
    values = table.columns[label]
    if not values:
        raise DataError(f"{table.path}: the column '{label}' is empty; another one is named by --field label=COLUMN")
    if _all(values, lambda value: isinstance(value, list)):
        return "labels", {"problem_type": "multi_label"}, "lists of labels"
    numbers = [number for value in values if (number := _number(value)) is not None]
    whole = all(number.is_integer() for number in numbers)
    if len(numbers) == len(values) and (not whole or len(set(numbers)) > _MANY):
        return "value", {"problem_type": "regression"}, "numbers"
    texts = table.texts(label)
    separator = _separator(texts) if len(texts) == len(values) else None
    if separator is not None:
        return "labels", {"problem_type": "multi_label", "separator": separator}, f"labels cut by '{separator.strip()}'"
    return "label", {}, "a label for each text"


def _separator(texts: Sequence[str]) -> str | None:
    """What separates labels in these texts: what cuts at least a tenth of them into parts that each come again elsewhere, and of which
    there are fewer kinds than of whole texts."""
    for mark in _SEPARATORS:
        parts = Counter(part.strip() for text in texts for part in text.split(mark) if part.strip())
        cut = [text for text in texts if mark in text.strip(mark)]
        again = bool(parts) and min(parts.values()) > 1
        if len(cut) * 10 >= len(texts) and again and len(parts) < len(set(texts)):
            return mark
    return None


def _fewest(table: Table, columns: Sequence[str]) -> str:
    kinds = {name: len({str(value) for value in table.columns[name]}) for name in columns if table.columns[name]}
    few = {name: count for name, count in kinds.items() if count > 1 and _are_few(table, name)}
    if not few:
        raise DataError(
            f"{table.path}: no column looks like labels, few of them and each several times (found: {listed(table.columns)}); one is "
            "named by --field label=COLUMN, and a teacher needs texts that have labels"
        )
    return min(few, key=lambda name: few[name])


def _are_few(table: Table, column: str) -> bool:
    """Whether values come again and again, as labels do."""
    return len({str(value) for value in table.columns[column]}) <= max(2, len(table.rows) // 4)


def _longest_text(table: Table) -> str:
    lengths = {name: sum(map(len, texts)) / len(texts) for name in table.columns if (texts := table.texts(name))}
    if not lengths:
        raise DataError(
            f"{table.path}: no column holds texts (found: {listed(table.columns)}); one is named by --field text=COLUMN, and a.b is what the "
            "object in the column a calls b"
        )
    return max(lengths, key=lambda name: lengths[name])


def _spans(table: Table) -> str | None:
    """The column of entities that are marked in a text."""
    for name in NAMES["spans"]:
        lists = [value for value in table.columns.get(name, ()) if isinstance(value, list)]
        marks = [mark for one in lists for mark in one]
        if marks and all(
            (isinstance(mark, list) and len(mark) == 3) or (isinstance(mark, dict) and "start" in mark)
            for mark in marks
        ):
            return name
    return None


def _by_name(
    table: Table, given: Mapping[str, str], needed: Sequence[str], others: Sequence[str] = ()
) -> dict[str, str]:
    found = {name: column for name in (*needed, *others) if (column := given.get(name) or _named(table, name))}
    missing = next((name for name in needed if name not in found), None)
    if missing is not None:
        raise DataError(
            f"{table.path}: no column looks like `{missing}` (found: {listed(table.columns)}); one is named by --field {missing}=COLUMN, "
            "and another task by --task"
        )
    return found


def _named(table: Table, name: str, columns: Sequence[str] | None = None) -> str | None:
    there = {column.lower(): column for column in reversed(list(table.columns if columns is None else columns))}
    return next((there[known] for known in NAMES[name] if known in there), None)


def _unusual(fields: Mapping[str, str], name: str = "", usual: Sequence[str] = ()) -> dict[str, str]:
    """The names that a recipe has to give: those that are not the task's own. usual: others that stand for `name` by themselves."""
    default = {"start": "answer_start"}
    return {
        key: column
        for key, column in fields.items()
        if column != default.get(key, key) and not (key == name and column in usual)
    }


def _all(values: Sequence[object], holds: Callable[[object], bool]) -> bool:
    return bool(values) and all(map(holds, values))


def _is_flag(value: object) -> bool:
    return str(value).lower() in ("0", "1", "0.0", "1.0", "true", "false")


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):  # the latter for a whole number of hundreds of digits
        return None


def _data(table: Table) -> Mapping[str, object]:
    data = table.rows[0]["data"]
    assert isinstance(data, dict)
    return data


_MEANINGS = {
    "extractive_qa": _question_answering,
    "classification": _classification,
    "tagging": _tagging,
    "text": _texts,
}
KINDS = tuple(_MEANINGS)
