"""What can be told about people: pools of values with their cases."""

from framework.tasks.span_qa.synthetic.declension import Forms, Gender, decline, decline_adjective, join


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
