from random import Random

from framework.tasks.span_qa.synthetic.people import draw_people


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
