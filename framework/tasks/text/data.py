"""From records to prompts and completions: columns of both, texts alone, and conversations whose last turn is the completion."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from distil.framework.chat.messages import Message
from distil.framework.data.example import Note, Notebook
from distil.framework.data.records import OTHER_NAMES, Asked, Fields, Record, is_missing, listed, shown, text_of
from distil.framework.errors import DataError
from distil.framework.tasks.text.example import Written, in_lines
from distil.framework.tasks.text.turns import is_blank, turns_of

FIELDS = (
    Asked("prompt", required=False),
    Asked("prompt_input", required=False),
    Asked("completion", required=False),
    Asked("text", required=False),
    Asked("messages", ("messages", "conversations"), required=False, structured=True),
    Asked("system", required=False),
    Asked("id", required=False),
)
NOTES: Mapping[str, Note] = {
    "blank": Note("left out, as they have no completion", dropped=True),
    "no_prompt": Note("left out, as they have no prompt to be completed", dropped=True),
}

_FORMS = ("messages", "completion", "text")  # by the field that each has to have
_BESIDE = ("prompt_input", "system")  # what single records may lack though a recipe names it


def read_rows(records: Iterable[Record], fields: Fields) -> Iterator[Written]:
    """Prompts and completions as the records have them, a missing completion as an empty one. Raises DataError, which names the
    place."""
    for values, id, place in _known(records, fields):
        yield _row(values, fields, id, place)


def read_prompts(records: Iterable[Record], fields: Fields) -> Iterator[Written]:
    """What stands before completions, which need not be there and are not read. Raises DataError, which names the place."""
    for values, id, place in _known(records, fields):
        found, prompt = fields.find(values, "messages")
        turns = turns_of(prompt, "messages", "", place) if found else []
        if not turns:
            prompt = fields.optional(values, "prompt", place)
            turns = turns_of(prompt, "prompt", "user", place) if isinstance(prompt, list) else []
        if turns:
            said = _spoken(id, turns, values, fields, place)
        else:
            said = _asked(Written(id, _prompt(prompt, values, fields, place), "", place=place), values, fields)
        yield replace(said, completion="", labelled=False)


def _known(records: Iterable[Record], fields: Fields) -> Iterator[tuple[dict[str, object], str, str]]:
    """Values, id and place of each record. Raises DataError for one that has no fields, and where none has what a recipe names beside a
    prompt: a single record may do without."""
    lacking: dict[str, Record] = {}
    for number, record in enumerate(records):
        values, place = record.values, record.place
        if not isinstance(values, dict):
            raise DataError(
                f"{place}: expected an object with prompt and completion, text, or messages, found {shown(values)}"
            )
        if number == 0:
            lacking = {name: record for name in _BESIDE if name in fields.given}
        lacking = {name: first for name, first in lacking.items() if not fields.find(values, name)[0]}
        id = fields.optional(values, "id", place)
        yield values, str(number) if is_missing(id) else str(id), place
    for name, first in lacking.items():
        raise fields.missing(first.values, name, first.place)


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
        return _spoken(id, turns_of(found, "messages", "", place), values, fields, place)
    if form == "text":
        if "system" in fields.given and _system(values, fields, place):
            raise DataError(
                f"{place}: `fields` names what the system says ({fields.given['system']}), which stands before a prompt or a conversation, and "
                "here is a text as a whole: leave it out there, or name the prompt and its completion"
            )
        return Written(id, "", _text(found, form, place), place=place)
    prompt = fields.optional(values, "prompt", place)
    if not (isinstance(prompt, list) or isinstance(found, list)):
        given = _prompt(prompt, values, fields, place)
        return _asked(Written(id, given, _text(found, form, place), place=place), values, fields)
    if not is_blank(fields.find(values, "prompt_input")[1]):
        raise DataError(
            f"{place}: prompt_input stands below a prompt that is text, and here are turns: put it into one of these"
        )
    before, answer = turns_of(prompt, "prompt", "user", place), turns_of(found, "completion", "assistant", place)
    # What goes on after a prompt does not begin with the system, or with another turn of its user.
    if before and answer and answer[0].role in {"system", before[-1].role} - {"assistant"}:
        name = fields.given.get("completion", "completion")
        raise DataError(
            f"{place}: {name}[0] is not the assistant's, and a prompt stands before it: where {name} is the whole conversation, name it so, as "
            f"{{messages: {name}}}, in `fields` of the data's source"
        )
    return _spoken(id, [*before, *answer], values, fields, place)


def _spoken(id: str, turns: list[Message], values: dict[str, object], fields: Fields, place: str) -> Written:
    """A conversation, before which the record may say what the system says."""
    system = _system(values, fields, place) if turns else []
    if system and turns[0].role == "system":
        if turns[0].content.strip() != system[0].content.strip():
            raise DataError(
                f"{place}: the first turn is the system's, and the field {fields.names_of('system')[0]} says something else: leave out one"
            )
        system = []
    return conversation(id, [*system, *turns], place)


def _asked(plain: Written, values: dict[str, object], fields: Fields) -> Written:
    """A prompt with its completion; as what a user says, where a recipe names a field with what the system says before it."""
    system = _system(values, fields, plain.place) if "system" in fields.given else []
    if not system:
        return plain
    user = [Message("user", plain.prompt)] if plain.prompt.strip() else []
    return conversation(plain.id, [*system, *user, Message("assistant", plain.completion)], plain.place)


def _system(values: dict[str, object], fields: Fields, place: str) -> list[Message]:
    said = _text(fields.find(values, "system")[1], "system", place)
    return [Message("system", said)] if said.strip() else []


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
    named = {
        "completion" if name in ("prompt", "prompt_input") else name
        for name in fields.given
        if name not in ("id", "system")
    }
    if len(named) > 1:
        raise DataError(
            f"{place}: `fields` names {listed(sorted(fields.given))}; a record has a prompt and a completion, or a text, or messages: name the "
            "fields of one of these"
        )
    if named:
        return named.pop()
    found = [form for form in _FORMS if fields.find(values, form)[0]]
    filled = [form for form in found if not is_blank(fields.find(values, form)[1])] or found
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


def _text(value: object, name: str, place: str) -> str:
    """Text, of which a missing value has none."""
    return "" if is_missing(value) else text_of(value, name, place)
