"""From records to prompts and completions: columns of both, texts alone, and conversations whose last turn is the completion."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from distil.framework.chat.messages import Message
from distil.framework.data.example import Note, Notebook
from distil.framework.data.records import OTHER_NAMES, Asked, Fields, Record, is_missing, listed, shown, text_of
from distil.framework.errors import DataError
from distil.framework.tasks.text.example import Written, in_lines

FIELDS = (
    Asked("prompt", required=False),
    Asked("prompt_input", required=False),
    Asked("completion", required=False),
    Asked("text", required=False),
    Asked("messages", ("messages", "conversations"), required=False, structured=True),
    Asked("id", required=False),
)
NOTES: Mapping[str, Note] = {
    "blank": Note("left out, as they have no completion", dropped=True),
    "no_prompt": Note("left out, as they have no prompt to be completed", dropped=True),
}

_FORMS = ("messages", "completion", "text")  # by the field that each has to have
_ROLES = {name: name for name in ("system", "user", "assistant")} | {"human": "user", "gpt": "assistant"}
_NAMES = (("role", "content"), ("from", "value"))  # of what a turn has: as most call it, and as ShareGPT does
_CALLS = ("tool_calls", "function_call")  # what a turn has that calls a tool


def read_rows(records: Iterable[Record], fields: Fields) -> Iterator[Written]:
    """Prompts and completions as the records have them, a missing completion as an empty one. Raises DataError, which names the
    place."""
    for values, id, place in _known(records, fields):
        yield _row(values, fields, id, place)


def read_prompts(records: Iterable[Record], fields: Fields) -> Iterator[Written]:
    """What stands before completions, which need not be there and are not read. Raises DataError, which names the place."""
    for values, id, place in _known(records, fields):
        found, prompt = fields.find(values, "messages")
        turns = _turns(prompt, "messages", "", place) if found else []
        if not turns:
            prompt = fields.optional(values, "prompt", place)
            turns = _turns(prompt, "prompt", "user", place) if isinstance(prompt, list) else []
        said = (
            conversation(id, turns, place)
            if turns
            else Written(id, _prompt(prompt, values, fields, place), "", place=place)
        )
        yield replace(said, completion="", labelled=False)


def _known(records: Iterable[Record], fields: Fields) -> Iterator[tuple[dict[str, object], str, str]]:
    """Values, id and place of each record. Raises DataError for one that has no fields, and where a recipe names an input of prompts and
    none has any: a single record may do without."""
    first = None
    for number, record in enumerate(records):
        values, place = record.values, record.place
        if not isinstance(values, dict):
            raise DataError(
                f"{place}: expected an object with prompt and completion, text, or messages, found {shown(values)}"
            )
        if number == 0 and "prompt_input" in fields.given:
            first = record
        if first is not None and fields.find(values, "prompt_input")[0]:
            first = None
        id = fields.optional(values, "id", place)
        yield values, str(number) if is_missing(id) else str(id), place
    if first is not None:
        raise fields.missing(first.values, "prompt_input", first.place)


def usable(row: Written, notebook: Notebook) -> Written | None:
    """The example of a row; none, which is noted, where nothing is written."""
    if row.completion.strip():
        return row
    notebook.add("blank", row.id)
    return None


def prompt_of(row: Written, notebook: Notebook) -> Written | None:
    """A row without its completion; none, which is noted, where nothing stands before that."""
    if row.prompt.strip():
        return replace(row, completion="", labelled=False)
    notebook.add("no_prompt", row.id)
    return None


def record_of(example: Written) -> dict[str, object]:
    """A prompt and its completion as a record's values."""
    if example.messages:
        turns = [*example.messages, Message("assistant", example.completion)]
        return {"id": example.id, "messages": [{"role": turn.role, "content": turn.content} for turn in turns]}
    if not example.prompt:
        return {"id": example.id, "text": example.completion}
    return {"id": example.id, "prompt": example.prompt, "completion": example.completion}


def conversation(id: str, messages: Sequence[Message], place: str = "") -> Written:
    """The last turn, if it is the assistant's, as the completion of those before it."""
    answered = bool(messages) and messages[-1].role == "assistant"
    before = tuple(messages[:-1] if answered else messages)
    completion = messages[-1].content if answered else ""
    return Written(id, in_lines(before) if before else "", completion, place=place, messages=before)


def _row(values: dict[str, object], fields: Fields, id: str, place: str) -> Written:
    form = _form(values, fields, place)
    found = fields.required(values, form, place)
    if form == "messages":
        return conversation(id, _turns(found, "messages", "", place), place)
    prompt = fields.optional(values, "prompt", place) if form == "completion" else None
    if isinstance(prompt, list) or isinstance(found, list):
        if not _is_blank(fields.find(values, "prompt_input")[1]):
            raise DataError(
                f"{place}: prompt_input stands below a prompt that is text, and here are turns: put it into one of these"
            )
        turns = [*_turns(prompt, "prompt", "user", place), *_turns(found, "completion", "assistant", place)]
        return conversation(id, turns, place)
    given = "" if form == "text" else _prompt(prompt, values, fields, place)
    return Written(id, given, _text(found, form, place), place=place)


def _prompt(prompt: object, values: dict[str, object], fields: Fields, place: str) -> str:
    """With what it asks something of, if there is anything, behind an empty line."""
    asked = _text(prompt, "prompt", place)
    about = _text(fields.find(values, "prompt_input")[1], "prompt_input", place)
    if not about.strip():
        return asked
    return f"{asked}\n\n{about}" if asked.strip() else about


def _form(values: dict[str, object], fields: Fields, place: str) -> str:
    """In which of the forms a record is: what a recipe names, or else what is there; beside a conversation other fields repeat parts of
    it. Raises DataError where there is none, or more than one."""
    named = {"completion" if name in ("prompt", "prompt_input") else name for name in fields.given if name != "id"}
    if len(named) > 1:
        raise DataError(
            f"{place}: `fields` names {listed(sorted(fields.given))}; a record has a prompt and a completion, or a text, or messages: name the "
            "fields of one of these"
        )
    if named:
        return named.pop()
    found = [form for form in _FORMS if fields.find(values, form)[0]]
    filled = [form for form in found if not _is_blank(fields.find(values, form)[1])] or found
    has_prompt = fields.find(values, "prompt")[0]
    if filled[:1] == ["messages"] or (len(filled) == 1 and not (filled == ["text"] and has_prompt)):
        return filled[0]
    there = listed(fields.table or values)
    if filled:
        raise DataError(
            f"{place}: the completion of the prompt may be meant, or the text as a whole (found: {there}); name the field that counts, as "
            "{completion: text} or {text: text}, in `fields` of the data's source"
        )
    what = "a prompt without a completion" if has_prompt else "no prompt with a completion, text or messages"
    alone = (
        "; splits that are nothing but prompts serve as student.completions.of and student.rounds.of alone, and where others are cut from the same "
        "file each of their records has an empty completion"
    )
    raise DataError(
        f"{place}: {what} (found: {there}); {OTHER_NAMES}, as {{completion: answer}} does{alone if has_prompt else ''}"
    )


def _turns(value: object, name: str, usual: str, place: str) -> list[Message]:
    """Turns of a conversation. usual: the role of a plain text in the place of a list of them, if one may stand there."""
    if _is_blank(value):
        return []
    if usual and isinstance(value, str):
        return [Message(usual, text_of(value, name, place))]
    if not isinstance(value, list):
        raise DataError(f"{place}: {name} must be a list of objects with role and content, found {shown(value)}")
    turns = [_turn(one, f"{name}[{number}]", place) for number, one in enumerate(value)]
    late = next((number for number, turn in enumerate(turns) if turn.role == "system" and number), None)
    if late is not None:
        raise DataError(f"{place}: {name}[{late}] is the system's; only the first turn may be")
    return turns


def _turn(value: object, name: str, place: str) -> Message:
    role, content = next((names for names in _NAMES if isinstance(value, dict) and names[0] in value), _NAMES[0])
    if not isinstance(value, dict) or role not in value or content not in value:
        raise DataError(f"{place}: {name} must be an object with role and content, found {shown(value)}")
    said = value[role]
    if not isinstance(said, str) or said not in _ROLES:
        raise DataError(
            f"{place}: the {role} of {name} is {shown(said)}; expected one of {', '.join(_ROLES)}: leave out conversations with other turns"
        )
    calls = next((call for call in _CALLS if value.get(call)), None)
    if calls is not None:
        raise DataError(
            f"{place}: {name} calls a tool ({calls}), which models here do not learn: leave out conversations with such turns"
        )
    return Message(_ROLES[said], text_of(value[content], f"the {content} of {name}", place))


def _text(value: object, name: str, place: str) -> str:
    """Text, of which a missing value has none."""
    return "" if is_missing(value) else text_of(value, name, place)


def _is_blank(value: object) -> bool:
    return is_missing(value) or value in ("", [])
