"""Names in the case that a sentence asks for: nom, gen, acc, ins, pre."""

from collections.abc import Callable, Mapping
from random import Random

from framework.data.draws import chance, pick
from framework.tasks.tagging.synthetic.phrases import (
    BRANDS,
    FIRMS,
    GOODS,
    LANDS,
    MEN,
    MONTHS,
    STREETS,
    SURNAMES,
    TOWNS,
    WOMEN,
)

_HUSHING = "гкхжшчщ"  # after which an и stands for ы
_FLEETING = {"Павел": "Павл", "Елец": "Ельц", "Любовь": "Любов"}

Named = tuple[str, str | None]
"""A name, and the type of entity that it is, None of what is none."""


def _person(rng: Random, case: str) -> Named:
    surname = pick(rng, SURNAMES)
    if chance(rng, 0.5):
        first, last = _man(pick(rng, MEN), case), surname + {"nom": "", "gen": "а", "ins": "ым"}[case]
    else:
        first, last = _woman(pick(rng, WOMEN), case), surname + {"nom": "а", "gen": "ой", "ins": "ой"}[case]
    return pick(rng, (f"{first} {last}", f"{first} {last}", last)), "PER"


def _man(name: str, case: str) -> str:
    if case == "nom":
        return name
    soft = name.endswith("й")
    stem = name[:-1] if soft else _FLEETING.get(name, name)
    return stem + {"gen": "я" if soft else "а", "ins": "ем" if soft else "ом"}[case]


def _woman(name: str, case: str) -> str:
    if case == "nom":
        return name
    if name.endswith("ь"):
        return name[:-1] + {"gen": "и", "ins": "ью"}[case]
    stem = name[:-1]
    return stem + {"gen": "и" if stem[-1] in _HUSHING else "ы", "ins": "ой"}[case]


def _place(rng: Random, case: str) -> Named:
    if chance(rng, 0.2):
        return dict(zip(("nom", "gen", "acc", "pre"), pick(rng, LANDS), strict=True))[case], "LOC"
    name = pick(rng, TOWNS)
    if case == "nom" or (case == "acc" and not name.endswith("а")):
        return name, "LOC"
    if name.endswith("ь"):
        return name[:-1] + "и", "LOC"
    if name.endswith("а"):
        stem = name[:-1]
        return stem + {"gen": "и" if stem[-1] in _HUSHING else "ы", "acc": "у", "pre": "е"}[case], "LOC"
    return _FLEETING.get(name, name) + {"gen": "а", "pre": "е"}[case], "LOC"


def _organisation(rng: Random, case: str) -> Named:
    firm = dict(zip(("nom", "gen", "ins"), pick(rng, FIRMS), strict=True))[case]
    if chance(rng, 0.3):
        return f"{firm} имени {pick(rng, SURNAMES)}а", "ORG"
    return f"{firm} «{pick(rng, (*BRANDS, *SURNAMES[:6]))}»", "ORG"


def _street(rng: Random, case: str) -> Named:
    return f"{pick(rng, STREETS)} {pick(rng, SURNAMES)}а", "LOC"


def _date(rng: Random, case: str) -> Named:
    day, month, year = 1 + int(28 * rng.random()), pick(rng, MONTHS), 1950 + int(75 * rng.random())
    return pick(rng, (f"{day} {month}", f"{day} {month} {year} года", f"{month} {year} года")), "DATE"


def _count(rng: Random, case: str) -> Named:
    return str(5 + int(rng.random() * 2000)), None


def _goods(rng: Random, case: str) -> Named:
    return pick(rng, GOODS), None


NAMES: Mapping[str, Callable[[Random, str], Named]] = {
    "per": _person,
    "loc": _place,
    "org": _organisation,
    "street": _street,
    "date": _date,
    "count": _count,
    "goods": _goods,
}
