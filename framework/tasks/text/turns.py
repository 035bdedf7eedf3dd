"""Turns of conversations, as people's data and requests write them."""

import json
from collections.abc import Mapping

from distil.framework.chat.messages import Message
from distil.framework.data.records import is_missing, shown, text_of
from distil.framework.errors import DataError

ROLES: Mapping[str, str] = {name: name for name in ("system", "user", "assistant")} | {
    "developer": "system",
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
}
_NAMES = (("role", "content"), ("from", "value"))  # of what a turn has: as most call it, and as ShareGPT does
_CALLS = ("tool_calls", "function_call")  # what a turn has that calls a tool
_TEXTS = ("text", "input_text", "output_text")  # types of parts, in both of OpenAI's interfaces


def turns_of(value: object, name: str, usual: str, place: str) -> list[Message]:
    """Turns of a conversation: a list of them, or JSON with one. usual: the role of a plain text in the place of a list of them, if one may
    stand there. Raises DataError, which names the place."""
    if is_blank(value):
        return []
    if usual and isinstance(value, str):
        return [Message(usual, text_of(value, name, place))]
    found = _written(value) if isinstance(value, str) else value
    if not isinstance(found, list):
        raise DataError(f"{place}: {name} must be a list of objects with role and content, found {shown(value)}")
    turns = [_turn(one, f"{name}[{number}]", place) for number, one in enumerate(found)]
    late = next((number for number, turn in enumerate(turns) if turn.role == "system" and number), None)
    if late is not None:
        raise DataError(f"{place}: {name}[{late}] is the system's; only the first turn may be")
    return turns


def text_of_parts(content: object) -> object:
    """What a turn's content says: of a list of parts the texts, one right after the other, as chat templates put them; what is no list as
    it is. Raises ValueError for a part that is no text."""
    if not isinstance(content, list):
        return content
    texts = []
    for number, part in enumerate(content):
        kind = part.get("type") if isinstance(part, dict) else None
        if isinstance(kind, str) and kind not in _TEXTS:
            raise ValueError(
                f"has a part of type {kind!r} (number {number}), and models here read and write text alone: leave out conversations with "
                "such parts"
            )
        text = part.get("text") if isinstance(part, dict) and kind else None
        if not isinstance(text, str):
            raise ValueError(f'has the part {shown(part)}; expected {{"type": "text", "text": "…"}}')
        texts.append(text)
    return "".join(texts)


def is_blank(value: object) -> bool:
    """Whether nothing is said there."""
    return is_missing(value) or value in ("", [])


def _written(text: str) -> object:
    """What JSON with a list stands for, as files of flat columns keep one; another text as it is."""
    try:
        return json.loads(text) if text.lstrip().startswith("[") else text
    except (ValueError, RecursionError):
        return text


def _turn(value: object, name: str, place: str) -> Message:
    role, content = next((names for names in _NAMES if isinstance(value, dict) and names[0] in value), _NAMES[0])
    if not isinstance(value, dict) or role not in value or content not in value:
        raise DataError(f"{place}: {name} must be an object with role and content, found {shown(value)}")
    said = value[role]
    if not isinstance(said, str) or said.lower() not in ROLES:
        raise DataError(
            f"{place}: the {role} of {name} is {shown(said)}; expected one of {', '.join(ROLES)}: leave out conversations with other turns"
        )
    calls = next((call for call in _CALLS if value.get(call)), None)
    if calls is not None:
        raise DataError(
            f"{place}: {name} calls a tool ({calls}), which models here do not learn: leave out conversations with such turns"
        )
    whose = f"the {content} of {name}"
    try:
        text = text_of_parts(value[content])
    except ValueError as error:
        raise DataError(f"{place}: {whose} {error}") from None
    return Message(ROLES[said.lower()], text_of(text, whose, place))
