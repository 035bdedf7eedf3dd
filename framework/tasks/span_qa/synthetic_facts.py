"""What facts are made of: people, with all cases of their names, values, and the phrases that say them."""

import re
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from distil.framework.data.generated import pick, pick_several
from distil.framework.tasks.span_qa.synthetic_relations import Pool
from distil.framework.tasks.span_qa.synthetic_words import (
    CITIES,
    DISHES,
    HOBBIES,
    INSTRUMENTS,
    LANGUAGES,
    PETS,
    PROFESSIONS,
    UNIVERSITIES,
    Forms,
    Gender,
    decline,
    decline_surname,
    invariable,
    join,
    listed,
)

_MEN = listed(
    "Александр Алексей Анатолий Андрей Антон Артём Борис Вадим Валерий Виктор Виталий Владимир "
    "Геннадий Георгий Григорий Денис Дмитрий Евгений Егор Иван Игорь Кирилл Леонид Максим Михаил "
    "Николай Олег Роман Сергей Тимофей"
)
_WOMEN = listed(
    "Александра Алина Анастасия Анна Валентина Валерия Вера Виктория Галина Дарья Диана Евгения "
    "Екатерина Елена Инна Ирина Кира Ксения Лариса Людмила Маргарита Марина Мария Надежда Наталья "
    "Ольга Полина Тамара Татьяна Юлия"
)
_GIVEN: list[tuple[str, Gender]] = [*((name, "m") for name in _MEN), *((name, "f") for name in _WOMEN)]
_SURNAMES = listed(
    "Абрамов Андреев Баранов Белов Беляев Богданов Волков Воробьёв Гаврилов Голубев Громов Дмитриев "
    "Ершов Жуков Зайцев Захаров Ильин Калинин Карпов Киселёв Комаров Королёв Крылов Кузнецов Лебедев "
    "Макаров Медведев Миронов Морозов Никитин Новиков Орлов Павлов Петров Поляков Романов Савельев "
    "Семёнов Сидоров Соболев Соколов Тарасов Титов Фёдоров Филиппов Фомин Чернов Шубин Яковлев "
    "Вишневский Заславский Островский Сосновский"
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a given name and a surname."""

    gender: Gender
    given: Forms
    surname: Forms
    full: Forms


def draw_people(rng: Random, count: int) -> list[Person]:
    """People of whom no two share a given name or a surname (or their masculine and feminine forms)."""
    people: list[Person] = []
    taken: set[str] = set()
    surnames = pick_several(rng, _SURNAMES, count)
    while len(people) < count:
        name, gender = pick(rng, _GIVEN)
        root = name[:5]  # Александр and Александра, Валерий and Валерия
        if root not in taken:
            taken.add(root)
            people.append(_person(name, surnames[len(people)], gender))
    return people


def _person(name: str, surname: str, gender: Gender) -> Person:
    given = decline(name, gender, animate=True)
    declined = decline_surname(surname, gender)
    return Person(gender, given, declined, join(given, declined))


_POOLS: dict[Pool, list[Forms]] = {
    "city": CITIES,
    "profession": PROFESSIONS,
    "hobby": HOBBIES,
    "instrument": INSTRUMENTS,
    "dish": DISHES,
    "language": LANGUAGES,
    "university": UNIVERSITIES,
    "pet": PETS,
}
_BIRTH_YEARS = range(1950, 1990)


def draw_values(rng: Random, pools: list[Pool], friends: list[Forms]) -> list[list[Forms]]:
    """For each person, one value for each of the pools; there are as many persons as `friends`.

    No value is drawn twice, so that every answer has one place only; a person graduates at 21 to 25.
    """
    told: set[str] = set()
    drawn = []
    for friend in friends:
        birth, graduation = _years(rng, told)
        given = {"person": friend, "birth year": birth, "graduation year": graduation}
        values = []
        for pool in pools:
            value = given.get(pool) or pick(rng, [value for value in _POOLS[pool] if value.nom not in told])
            told.add(value.nom)
            values.append(value)
        drawn.append(values)
    return drawn


def _years(rng: Random, told: set[str]) -> tuple[Forms, Forms]:
    while True:
        birth = pick(rng, _BIRTH_YEARS)
        years = str(birth), str(birth + 21 + pick(rng, range(5)))
        if told.isdisjoint(years):
            return invariable(years[0]), invariable(years[1])


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
