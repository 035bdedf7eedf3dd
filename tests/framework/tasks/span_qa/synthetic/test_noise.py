from random import Random

from framework.tasks.span_qa.synthetic.noise import slipped_spans, wrong_span
from framework.tasks.span_qa.synthetic.paragraph import write_paragraph
from framework.tasks.span_qa.synthetic.section import Synthetic


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
