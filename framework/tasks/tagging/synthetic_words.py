"""What news are made of: sentences with places for names, `{per.gen}` being a person in the genitive, and the names in each case."""

from collections.abc import Callable, Mapping
from random import Random

from distil.framework.data.generated import chance, pick

MEN = (
    "Иван", "Олег", "Антон", "Павел", "Роман", "Владимир", "Максим", "Тимур", "Фёдор", "Степан", "Марат", "Кирилл", "Артём", "Глеб",
    "Андрей", "Сергей", "Алексей", "Николай", "Матвей", "Руслан",
)  # fmt: skip
WOMEN = (
    "Анна", "Ольга", "Марина", "Вера", "Надежда", "Роза", "Елена", "Ирина", "Светлана", "Полина", "Лариса", "Тамара", "Инна", "Жанна",
    "Галина", "Алла", "Нина", "Дина", "Раиса", "Любовь",
)  # fmt: skip
# In -ов, -ев or -ин; some are towns as well.
SURNAMES = (
    "Киров", "Жуков", "Серов", "Чехов", "Калинин", "Пушкин", "Ершов", "Рыбин", "Котов", "Соколов", "Воронин", "Лебедев", "Гусев",
    "Морозов", "Снегирев", "Дроздов", "Орлов", "Зимин", "Карпов", "Ломов", "Щукин", "Бобров", "Волков", "Зайцев", "Титов", "Шилов",
    "Носов", "Громов", "Белов", "Чернов", "Королев", "Горин",
)  # fmt: skip
TOWNS = (
    "Омск", "Томск", "Курск", "Псков", "Киров", "Жуков", "Серов", "Чехов", "Калинин", "Пушкин", "Владимир", "Ростов", "Тамбов",
    "Саратов", "Брянск", "Мурманск", "Ижевск", "Елец", "Королев", "Тула", "Калуга", "Пенза", "Самара", "Уфа", "Вологда", "Чита",
    "Кострома", "Тверь", "Рязань", "Казань", "Пермь", "Сызрань",
)  # fmt: skip
LANDS = (
    ("Сибирь", "Сибири", "Сибирь", "Сибири"), ("Карелия", "Карелии", "Карелию", "Карелии"), ("Алтай", "Алтая", "Алтай", "Алтае"), ("Урал", "Урала", "Урал", "Урале"),
    ("Поволжье", "Поволжья", "Поволжье", "Поволжье"), ("Крым", "Крыма", "Крым", "Крыму"), ("Дальний Восток", "Дальнего Востока", "Дальний Восток", "Дальнем Востоке"),
)  # fmt: skip
# What organisations are, in the nominative, genitive and instrumental, before a name in quotation marks.
FIRMS = (
    ("завод", "завода", "заводом"), ("фонд", "фонда", "фондом"), ("клуб", "клуба", "клубом"), ("театр", "театра", "театром"),
    ("компания", "компании", "компанией"), ("газета", "газеты", "газетой"), ("фабрика", "фабрики", "фабрикой"), ("банк", "банка", "банком"),
)  # fmt: skip
BRANDS = (
    "Вектор", "Надежда", "Роза", "Сокол", "Север", "Весна", "Спутник", "Маяк", "Урал", "Волга", "Прогресс", "Вера", "Октябрь", "Май",
    "Орёл", "Лада", "Омск", "Сибирь", "Белов и сыновья", "Иван да Марья", "Новый мир", "Красная звезда",
)  # fmt: skip
STREETS = ("улица", "площадь", "набережная", "аллея")
MONTHS = (
    "января", "февраля", "марта", "апреля", "мая", "июня", "июля", "августа", "сентября", "октября", "ноября", "декабря",
)  # fmt: skip
GOODS = ("автобусов", "станков", "книг", "лодок", "мест", "квартир", "деревьев", "картин", "самолётов", "часов")

SENTENCES = (
    "{per} переезжает из {loc.gen} в {loc.acc}.",
    "В {loc.pre} открылась выставка {per.gen}.",
    "{org} построит в {loc.pre} {count} {goods}.",
    "{date} {org} подпишет договор с {org.ins}.",
    "Директором {org.gen} будет {per}.",
    "{per} встретится с {per.ins} в {loc.pre}.",
    "Жители {loc.gen} ждут приезда {per.gen}.",
    "{org} и {org} спорят о здании в {loc.pre}.",
    "До {date} в {loc.pre} выпустят {count} {goods}.",
    "{per} выступит {date} в {loc.pre}.",
    "По словам {per.gen}, {org} получит {count} {goods}.",
    "{loc} готовится к зиме, рассказывает {per}.",
    "{loc} принимает гостей из {loc.gen} с {date}.",
    "{per}, игрок {org.gen}, снова лучше всех в {loc.pre}.",
    "{street} откроется после ремонта {date}.",
    "{per} живёт по адресу {street}, {count}.",
    "У {org.gen} и {org.gen} теперь один владелец, {per}.",
    "Дорогу от {loc.gen} до {loc.gen} строит {org}.",
    "{per} и {per} уходят из {org.gen}.",
    "Ещё {date} о {loc.pre} пишет {per}.",
    "Вера в успех не покидает {per.gen}.",
    "Надежды у {org.gen} мало, считает {per}.",
    "Весна приходит в {loc.acc} {date}.",
    "Роза и сирень цветут в {loc.pre} до {date}.",
    "Мир и любовь выбирает {per}.",
    "Москитов в {loc.pre} стало меньше на {count} процентов.",
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
