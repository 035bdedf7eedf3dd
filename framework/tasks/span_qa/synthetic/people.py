"""People: names with all their cases."""

from dataclasses import dataclass
from random import Random

from framework.data.draws import pick, pick_several
from framework.tasks.span_qa.synthetic.declension import Forms, Gender, decline, decline_surname, join
from framework.tasks.span_qa.synthetic.words import listed

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
