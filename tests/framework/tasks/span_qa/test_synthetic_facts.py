from random import Random

import pytest

from distil.framework.tasks.span_qa.synthetic_facts import draw_people, fill
from distil.framework.tasks.span_qa.synthetic_relations import FILLERS, PHRASINGS, RELATIONS
from distil.framework.tasks.span_qa.synthetic_words import decline, invariable


def test_nobody_in_a_paragraph_can_be_taken_for_another() -> None:
    for seed in range(300):
        people = draw_people(Random(seed), 8)
        assert len({person.surname.nom[:5] for person in people}) >= 7
        names = [form for person in people for form in (set(person.given), set(person.surname))]
        assert all(a.isdisjoint(b) for i, a in enumerate(names) for b in names[:i])


def test_gender_agrees() -> None:
    for seed in range(50):
        (person,) = draw_people(Random(seed), 1)
        assert person.full.gen == f"{person.given.gen} {person.surname.gen}"
        assert person.surname.nom.endswith(("а", "ая")) == (person.gender == "f")


ANNA = decline("Анна", "f", animate=True)
IVAN = decline("Иван", "m", animate=True)


def test_case_gender_and_value() -> None:
    phrase = fill("Детство {nom} [провёл|провела] в <prep>.", "f", ANNA, value=decline("Казань", "f"))
    assert phrase.text == "Детство Анна провела в Казани."
    assert phrase.text[phrase.start : phrase.end] == "Казани"


def test_pronouns_stand_only_where_grammar_allows() -> None:
    assert fill("{u} дома есть <nom>.", "f", ANNA, True, invariable("рояль")).text == "У неё дома есть рояль."
    assert fill("{u} дома есть <nom>.", "m", IVAN, False, invariable("рояль")).text == "У Ивана дома есть рояль."
    assert fill("Питомца {gen} зовут <nom>.", "f", ANNA, True, invariable("Рекс")).text == "Питомца Анны зовут Рекс."


@pytest.mark.parametrize("relation", RELATIONS)
def test_every_relation_has_all_phrasings_with_one_value_and_one_person(relation: object) -> None:
    told, asked = relation.told, relation.asked  # type: ignore[attr-defined]
    assert len(told) == len(asked) == PHRASINGS
    assert all(template.count("<") == 1 and template.count("{") == 1 and template.endswith(".") for template in told)
    assert all("<" not in template and template.count("{") == 1 and template.endswith("?") for template in asked)
    for template in (*told, *asked):
        text = fill(template, "m", IVAN, value=invariable("Х")).text
        assert not set("{}[]<>|") & set(text)


def test_fillers_tell_nothing_but_a_name() -> None:
    assert all("<" not in filler and filler.count("{") == 1 for filler in FILLERS)
