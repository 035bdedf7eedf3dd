"""Russian declension in the singular, by rules that suffice for the generator's words."""

from typing import Literal, NamedTuple

Gender = Literal["m", "f", "n"]


class Forms(NamedTuple):
    """A word in the six cases."""

    nom: str
    gen: str
    dat: str
    acc: str
    ins: str
    prep: str


_VELAR_OR_SIBILANT = "гкхжчшщ"  # after these, ы is written и


def decline(word: str, gender: Gender, animate: bool = False) -> Forms:
    """Decline a noun by its ending and gender; animate masculine nouns have the genitive as accusative.

    Nouns with a fleeting vowel, a stressed ending after a sibilant, or no declension are not for it.
    """
    if word.endswith("ия"):
        return _forms(word, word[:-1], "и", "и", "ю", "ей", "и")
    if word.endswith("я"):
        return _forms(word, word[:-1], "и", "е", "ю", "ей", "е")
    if word.endswith("а"):
        genitive = "и" if word[-2] in _VELAR_OR_SIBILANT else "ы"
        return _forms(word, word[:-1], genitive, "е", "у", "ей" if word[-2] in "жчшщц" else "ой", "е")
    if gender == "f":  # ends in ь
        return _forms(word, word[:-1], "и", "и", "ь", "ью", "и")
    if word.endswith(("ие", "ье")):
        return _forms(word, word[:-1], "я", "ю", "е", "ем", "и" if word.endswith("ие") else "е")
    if word.endswith("о"):
        return _forms(word, word[:-1], "а", "у", "о", "ом", "е")
    if word.endswith("ий"):
        return _masculine(word, word[:-1], "я", "ю", "ем", "и", animate)
    if word.endswith(("й", "ь")):
        return _masculine(word, word[:-1], "я", "ю", "ем", "е", animate)
    return _masculine(word, word, "а", "у", "ом", "е", animate)


def decline_surname(masculine: str, gender: Gender) -> Forms:
    """Decline a surname in -ов, -ев, -ин or -ский, given in the masculine nominative."""
    if masculine.endswith("ский"):
        return decline_adjective(masculine, gender, animate=True)
    if gender == "f":
        return _forms(masculine + "а", masculine, "ой", "ой", "у", "ой", "ой")
    return _forms(masculine, masculine, "а", "у", "а", "ым", "е")


def decline_adjective(masculine: str, gender: Gender, animate: bool = False) -> Forms:
    """Decline an adjective in -ский, given in the masculine nominative; masculine or feminine."""
    stem = masculine.removesuffix("ий")
    if gender == "f":
        return _forms(stem + "ая", stem, "ой", "ой", "ую", "ой", "ой")
    return _forms(masculine, stem, "ого", "ому", "ого" if animate else "ий", "им", "ом")


def join(*parts: Forms) -> Forms:
    """Several words that agree, as one."""
    return Forms(*(" ".join(words) for words in zip(*parts, strict=True)))


def _masculine(word: str, stem: str, gen: str, dat: str, ins: str, prep: str, animate: bool) -> Forms:
    return _forms(word, stem, gen, dat, gen if animate else word[len(stem) :], ins, prep)


def _forms(word: str, stem: str, *endings: str) -> Forms:
    return Forms(word, *(stem + ending for ending in endings))


def listed(words: str) -> list[str]:
    """Words that are separated by spaces."""
    return words.split()


def _declined(gender: Gender, words: str, animate: bool = False) -> list[Forms]:
    return [decline(word, gender, animate) for word in listed(words)]


def _named(adjective: str, institution: str) -> Forms:
    *adjectives, noun = f"{adjective} {institution}".split()
    return join(*(decline_adjective(word, "m") for word in adjectives), decline(noun, "m"))


def invariable(word: str) -> Forms:
    """A word that is the same in all cases, or stands in one case only."""
    return Forms(*(word,) * 6)


CITIES = [
    *_declined("m", "Архангельск Барнаул Белгород Братск Воронеж Екатеринбург Иркутск Краснодар Красноярск Курск"),
    *_declined("m", "Липецк Магадан Мурманск Новосибирск Омск Псков Саратов Смоленск Таганрог Тамбов Томск Ярославль"),
    *_declined("f", "Вологда Калуга Кострома Москва Пенза Самара Тула Уфа Чита"),
    *_declined("f", "Казань Пермь Рязань Тверь Тюмень"),
]

PROFESSIONS = [
    *_declined("m", "агроном архитектор биолог бухгалтер ветеринар геолог дизайнер журналист инженер историк", True),
    *_declined("m", "логист механик океанолог оператор повар программист режиссёр реставратор редактор", True),
    *_declined("m", "строитель терапевт технолог токарь физик химик хирург экономист электрик юрист", True),
]

HOBBIES = [
    *_declined("f", "астрономия вышивка живопись йога керамика кулинария рыбалка фотография"),
    *_declined("n", "вязание плавание садоводство"),
    *_declined("m", "альпинизм бадминтон бильярд волейбол туризм футбол теннис хоккей"),
    Forms("шахматы", "шахмат", "шахматам", "шахматы", "шахматами", "шахматах"),
    Forms("лыжи", "лыж", "лыжам", "лыжи", "лыжами", "лыжах"),
]

INSTRUMENTS = [
    *_declined("f", "арфа балалайка виолончель гитара домра мандолина скрипка труба флейта"),
    *_declined("m", "аккордеон альт баян гобой кларнет контрабас ксилофон рояль саксофон"),
]

DISHES = [
    *_declined("m", "борщ винегрет гуляш омлет плов рассольник шашлык"),
    *_declined("f", "гречка запеканка окрошка солянка уха"),
    Forms("блины", "блинов", "блинам", "блины", "блинами", "блинах"),
    Forms("вареники", "вареников", "вареникам", "вареники", "варениками", "варениках"),
    Forms("голубцы", "голубцов", "голубцам", "голубцы", "голубцами", "голубцах"),
    Forms("пельмени", "пельменей", "пельменям", "пельмени", "пельменями", "пельменях"),
]

LANGUAGES = [
    decline_adjective(word, "m")
    for word in listed(
        "английский арабский венгерский греческий датский испанский итальянский китайский корейский "
        "норвежский польский португальский турецкий финский французский чешский шведский японский"
    )
]

UNIVERSITIES = [
    *(_named(adjective, "университет") for adjective in listed("Балтийский Волжский Иркутский Казанский Омский")),
    *(_named(adjective, "университет") for adjective in listed("Пермский Саратовский Сибирский Томский Уральский")),
    *(_named(adjective, "медицинский институт") for adjective in listed("Воронежский Казанский Самарский")),
    *(_named(adjective, "педагогический институт") for adjective in listed("Московский Смоленский Томский")),
    *(_named(adjective, "юридический институт") for adjective in listed("Сибирский Уральский")),
]

PETS = [
    invariable(name)
    for name in listed(
        "Барсик Бублик Буран Дружок Жучка Кузя Лорд Марс Мурка Персик Пират Пушок Рекс Рыжик Снежок Тузик "
        "Умка Черныш Шарик Яшка"
    )
]
