import pytest

from distil.framework.tasks.span_qa.synthetic_words import decline, decline_adjective, decline_surname, join

MEN = """
Иван Ивана Ивану Ивана Иваном Иване
Андрей Андрея Андрею Андрея Андреем Андрее
Дмитрий Дмитрия Дмитрию Дмитрия Дмитрием Дмитрии
Игорь Игоря Игорю Игоря Игорем Игоре
"""
WOMEN = """
Анна Анны Анне Анну Анной Анне
Ольга Ольги Ольге Ольгу Ольгой Ольге
Мария Марии Марии Марию Марией Марии
Дарья Дарьи Дарье Дарью Дарьей Дарье
Казань Казани Казани Казань Казанью Казани
"""
THINGS = """
город города городу город городом городе
рояль рояля роялю рояль роялем рояле
гобой гобоя гобою гобой гобоем гобое
"""
NEUTERS = """
плавание плавания плаванию плавание плаванием плавании
садоводство садоводства садоводству садоводство садоводством садоводстве
"""


def tables(text: str) -> list[list[str]]:
    return [line.split() for line in text.strip().splitlines()]


@pytest.mark.parametrize("forms", tables(MEN))
def test_animate_masculine(forms: list[str]) -> None:
    assert list(decline(forms[0], "m", animate=True)) == forms


@pytest.mark.parametrize("forms", tables(WOMEN))
def test_feminine(forms: list[str]) -> None:
    assert list(decline(forms[0], "f", animate=True)) == forms


@pytest.mark.parametrize("forms", tables(THINGS))
def test_inanimate_masculine(forms: list[str]) -> None:
    assert list(decline(forms[0], "m")) == forms


@pytest.mark.parametrize("forms", tables(NEUTERS))
def test_neuter(forms: list[str]) -> None:
    assert list(decline(forms[0], "n")) == forms


def test_surnames_and_adjectives() -> None:
    assert " ".join(decline_surname("Титов", "m")) == "Титов Титова Титову Титова Титовым Титове"
    assert " ".join(decline_surname("Ильин", "f")) == "Ильина Ильиной Ильиной Ильину Ильиной Ильиной"
    assert decline_surname("Островский", "m").acc == "Островского"
    assert decline_surname("Островский", "f") == decline_adjective("островский", "f")._replace(
        **{case: "О" + form[1:] for case, form in decline_adjective("островский", "f")._asdict().items()}
    )
    institute = join(decline_adjective("Томский", "m"), decline("институт", "m"))
    assert institute.acc == "Томский институт"
    assert institute.prep == "Томском институте"
