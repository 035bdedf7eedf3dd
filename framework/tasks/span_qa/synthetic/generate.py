"""Generating all splits: paragraphs that no two splits share, and their questions as records."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from framework.data.draws import chance
from framework.data.generated import Generators, generated_splits
from framework.data.records import Record
from framework.tasks.span_qa.synthetic.paragraph import Paragraph, ask, write_paragraph, wrong_span

if TYPE_CHECKING:
    from framework.tasks.span_qa.synthetic.section import Synthetic


def generate(settings: "Synthetic") -> dict[str, list[Record]]:
    """The records of every split. Raises DataError where the settings allow too few different paragraphs."""

    def questions(paragraph: Paragraph, random: Generators, noise: float) -> Iterator[dict[str, object]]:
        context = paragraph.context
        for question in ask(random("text"), settings, paragraph):
            fact, values = question.fact, {"context": context, "question": question.text}
            if fact is None:
                yield {**values, "answers": [], "is_impossible": True}
                continue
            wrong = chance(random("noise"), noise)
            start, end = wrong_span(random("noise"), paragraph, fact) if wrong else (fact.start, fact.end)
            yield {**values, "answers": {"text": context[start:end], "answer_start": start}}

    return generated_splits(
        settings,
        lambda random: partial(write_paragraph, random("text"), settings),
        lambda paragraph: paragraph.context,
        questions,
        "raise facts or ways_to_tell, or ask for fewer examples",
    )
