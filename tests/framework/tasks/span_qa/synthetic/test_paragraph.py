from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.tasks.span_qa.synthetic.paragraph import ask, slipped_spans, write_paragraph, wrong_span
from framework.tasks.span_qa.synthetic.section import Synthetic


@given(st.integers(), st.integers(1, 4), st.integers(1, 11), st.integers(0, 3), st.sampled_from([0.0, 0.5, 1.0]))
def test_facts_stand_where_they_say_and_only_there(
    seed: int, persons: int, facts: int, fillers: int, pronouns: float
) -> None:
    settings = Synthetic(
        persons=persons, facts=facts, fillers=fillers, pronouns=pronouns, questions_per_paragraph=persons * facts
    )
    rng = Random(seed)
    paragraph = write_paragraph(rng, settings)
    assert len(paragraph.facts) == persons * facts
    assert len({(fact.person.full.nom, fact.relation) for fact in paragraph.facts}) == persons * facts
    values = [paragraph.context[fact.start : fact.end] for fact in paragraph.facts]
    assert all(value == value.strip() and value for value in values)
    assert len(set(values)) == len(values)
    assert paragraph.context.count(".") == persons * (facts + fillers)
    assert not {fact.relation for fact in paragraph.facts} & set(paragraph.untold)
    questions = ask(rng, settings, paragraph)
    assert len({question.text for question in questions}) == len(questions) == persons * facts


def test_each_block_opens_with_the_full_name() -> None:
    settings = Synthetic(persons=1, pronouns=1.0)
    for seed in range(100):
        paragraph = write_paragraph(Random(seed), settings)
        opening = paragraph.context.split(".")[0]
        assert any(form in opening for form in paragraph.facts[0].person.full)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_questions_asked_in_vain(share: float) -> None:
    settings = Synthetic(unanswerable=share)
    paragraph = write_paragraph(Random(0), settings)
    questions = ask(Random(1), settings, paragraph)
    assert [question.fact is None for question in questions] == [share == 1.0] * 2


def test_slips_of_one_word_within_the_sentence() -> None:
    context = "Анна спит. Она окончила Томский университет. Потом ушла."
    start = context.index("Томский")
    spans = slipped_spans(context, start, start + len("Томский университет"))
    assert [context[a:b] for a, b in spans] == ["окончила Томский университет", "университет", "Томский"]


def test_there_is_always_a_wrong_span() -> None:
    for seed in range(200):
        for facts in (1, 5):
            paragraph = write_paragraph(Random(seed), Synthetic(facts=facts, questions_per_paragraph=1))
            for fact in paragraph.facts:
                span = wrong_span(Random(seed), paragraph, fact)
                assert span != (fact.start, fact.end)
                assert paragraph.context[slice(*span)].strip()


def test_both_kinds_of_mistake_are_made() -> None:
    paragraph = write_paragraph(Random(0), Synthetic())
    fact, *others = paragraph.facts
    rng = Random(1)
    spans = {wrong_span(rng, paragraph, fact) for _ in range(200)}
    assert {(other.start, other.end) for other in others} < spans
