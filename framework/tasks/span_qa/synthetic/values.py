"""Drawing what is told about people."""

from random import Random

from framework.data.draws import pick
from framework.tasks.span_qa.synthetic.declension import Forms
from framework.tasks.span_qa.synthetic.relations import Pool
from framework.tasks.span_qa.synthetic.words import (
    CITIES,
    DISHES,
    HOBBIES,
    INSTRUMENTS,
    LANGUAGES,
    PETS,
    PROFESSIONS,
    UNIVERSITIES,
    invariable,
)

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
