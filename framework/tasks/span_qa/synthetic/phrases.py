"""Filling in a phrase: the person, agreement in gender, the value."""

import re
from typing import NamedTuple

from framework.tasks.span_qa.synthetic.declension import Forms, Gender

_SLOT = re.compile(r"\{(?P<person>\w+)\}|\[(?P<man>[^|\]]*)\|(?P<woman>[^\]]*)\]|<(?P<value>\w+)>")
# Only where the phrase has no preposition and no possessive before the person.
_PRONOUNS: dict[Gender, dict[str, str]] = {
    "m": {"nom": "он", "dat": "ему", "acc": "его", "u": "у него"},
    "f": {"nom": "она", "dat": "ей", "acc": "её", "u": "у неё"},
}


class Phrase(NamedTuple):
    """A sentence and where its value stands: ``text[start:end]``, or 0 and 0 without a value."""

    text: str
    start: int = 0
    end: int = 0


def fill(template: str, gender: Gender, name: Forms, pronoun: bool = False, value: Forms | None = None) -> Phrase:
    """Fill in a template of `relations`; `pronoun` puts he or she for the name where grammar allows."""
    text = ""
    start = end = position = 0
    for slot in _SLOT.finditer(template):
        text += template[position : slot.start()]
        position = slot.end()
        if slot["person"]:
            text += _mention(slot["person"], gender, name, pronoun)
        elif slot["value"]:
            assert value is not None
            start, text = len(text), text + getattr(value, slot["value"])
            end = len(text)
        else:
            text += slot["man"] if gender == "m" else slot["woman"]
    text += template[position:]
    return Phrase(text[0].upper() + text[1:], start, end)


def _mention(case: str, gender: Gender, name: Forms, pronoun: bool) -> str:
    if pronoun and case in _PRONOUNS[gender]:
        return _PRONOUNS[gender][case]
    if case == "u":
        return f"у {name.gen}"
    form: str = getattr(name, case)
    return form
