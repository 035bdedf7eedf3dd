"""Generated paragraphs about people: the source's settings, what a paragraph tells, and questions about it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from distil.framework.data.generated import GeneratedSource, Generators, chance, generated_splits, pick, pick_several
from distil.framework.data.records import Record
from distil.framework.tasks.span_qa.synthetic_facts import Person, Phrase, draw_people, draw_values, fill
from distil.framework.tasks.span_qa.synthetic_relations import FILLERS, PHRASINGS, RELATIONS, Relation
from distil.framework.tasks.span_qa.synthetic_words import Forms

MAX_PERSONS = 4


class Synthetic(GeneratedSource):
    """Generated Russian paragraphs about people. The seed decides everything, on every machine."""

    kind: Literal["synthetic"] = "synthetic"
    task: ClassVar[str] = "extractive_qa"
    texts: ClassVar[str] = "generated Russian paragraphs"
    items: ClassVar[str] = "questions"
    examples: dict[str, Annotated[int, Field(ge=1, le=1_000_000)]] = Field(
        default_factory=lambda: {"train": 5000, "validation": 500}, description="split -> number of questions"
    )
    persons: int = Field(
        default=1, ge=1, le=MAX_PERSONS, description="persons a paragraph; each has all the paragraph's facts"
    )
    facts: int = Field(default=5, ge=1, le=len(RELATIONS), description="facts told about each person")
    questions_per_paragraph: int = Field(
        default=2,
        ge=1,
        le=MAX_PERSONS * len(RELATIONS),
        description="questions asked about one paragraph, all different",
    )
    ways_to_tell: int = Field(default=1, ge=1, le=PHRASINGS, description="sentences in which one fact may be told")
    ways_to_ask: int = Field(default=3, ge=1, le=PHRASINGS, description="questions in which it may be asked for")
    pronouns: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="how often a person once named is called he or she, where that can be told",
    )
    fillers: int = Field(default=1, ge=0, le=3, description="sentences a person that tell nothing")
    label_noise: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of the questions of the split `train` that get a wrong answer",
    )
    unanswerable: float = Field(
        default=0.0, ge=0, le=1, description="share of the questions that ask for a fact not told"
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.questions_per_paragraph > self.persons * self.facts:
            raise ValueError(
                f"questions_per_paragraph is {self.questions_per_paragraph}, but a paragraph holds only "
                f"{self.persons * self.facts} facts (persons x facts); ask fewer or tell more"
            )
        if self.unanswerable > 0 and self.facts == len(RELATIONS):
            raise ValueError(f"with all {len(RELATIONS)} facts told, none is left to ask for in vain; lower facts")
        return self

    def generate(self) -> dict[str, list[Record]]:
        """See GeneratedSource."""
        return generate(self)


@dataclass(frozen=True, slots=True)
class Fact:
    """Something told: ``context[start:end]`` is its value."""

    person: Person
    relation: Relation
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A context with the facts in it and the relations of which it tells nothing."""

    context: str
    facts: list[Fact]
    untold: list[Relation]


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the fact that answers it, or None."""

    text: str
    fact: Fact | None


def write_paragraph(rng: Random, settings: "Synthetic") -> Paragraph:
    """Tell of each person in turn; all have the same relations, so that only the name tells them apart."""
    relations = pick_several(rng, RELATIONS, len(RELATIONS))
    told, untold = relations[: settings.facts], relations[settings.facts :]
    people = draw_people(rng, 2 * settings.persons)
    friends = [friend.full for friend in people[settings.persons :]]
    values = draw_values(rng, [relation.pool for relation in told], friends)
    context, facts = "", []
    for person, known in zip(people, values, strict=False):
        for relation, phrase in _block(rng, settings, person, list(zip(told, known, strict=True))):
            context += " " if context else ""
            if relation is not None:
                facts.append(Fact(person, relation, len(context) + phrase.start, len(context) + phrase.end))
            context += phrase.text
    return Paragraph(context, facts, untold)


def ask(rng: Random, settings: "Synthetic", paragraph: Paragraph) -> list[Question]:
    """Different questions about a paragraph."""
    untold = pick_several(rng, paragraph.untold, len(paragraph.untold))
    questions = []
    for fact in pick_several(rng, paragraph.facts, settings.questions_per_paragraph):
        in_vain = bool(untold) and chance(rng, settings.unanswerable)
        relation = untold.pop() if in_vain else fact.relation
        person = fact.person
        name = pick(rng, (person.full, person.full, person.given, person.surname))
        template = pick(rng, relation.asked[: settings.ways_to_ask])
        questions.append(Question(fill(template, person.gender, name).text, None if in_vain else fact))
    return questions


def _block(
    rng: Random, settings: "Synthetic", person: Person, facts: list[tuple[Relation, Forms]]
) -> list[tuple[Relation | None, Phrase]]:
    """The sentences about one person; the first gives the full name."""
    fillers = pick_several(rng, FILLERS, settings.fillers)
    contents: list[tuple[Relation, Forms] | str] = pick_several(rng, [*facts, *fillers], len(facts) + len(fillers))
    sentences: list[tuple[Relation | None, Phrase]] = []
    after_friend = False  # he or she could then be either of two people
    for content in contents:
        pronoun = bool(sentences) and not after_friend and chance(rng, settings.pronouns)
        name = pick(rng, (person.full, person.given, person.surname)) if sentences else person.full
        if isinstance(content, str):
            sentences.append((None, fill(content, person.gender, name, pronoun)))
            continue
        relation, value = content
        template = pick(rng, relation.told[: settings.ways_to_tell])
        sentences.append((relation, fill(template, person.gender, name, pronoun, value)))
        after_friend = relation.pool == "person"
    return sentences


_WORD = re.compile(r"\w+(?:-\w+)*")


def wrong_span(rng: Random, paragraph: Paragraph, fact: Fact) -> tuple[int, int]:
    """Start and end of a wrong span: half of the time another fact's, else the right one with a slip."""
    others = [(other.start, other.end) for other in paragraph.facts if other is not fact]
    if others and chance(rng, 0.5):
        return pick(rng, others)
    return pick(rng, slipped_spans(paragraph.context, fact.start, fact.end))


def slipped_spans(context: str, start: int, end: int) -> list[tuple[int, int]]:
    """The spans with one word more or less than ``context[start:end]`` at one side, within its sentence."""
    words = [match.span() for match in _WORD.finditer(context)]
    first = next(index for index, word in enumerate(words) if word[0] == start)
    last = next(index for index, word in enumerate(words) if word[1] == end)
    wider = [(i, j) for i, j in ((first - 1, last), (first, last + 1)) if i >= 0 and j < len(words)]
    narrower = [(first + 1, last), (first, last - 1)] if first < last else []
    spans = [(words[i][0], words[j][1]) for i, j in wider + narrower]
    return [(a, b) for a, b in spans if "." not in context[a:b]]


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
