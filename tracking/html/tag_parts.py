"""How taggers do on each type of entity, or each tag, what their mistakes are, and where they differ."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from distil.framework.language.words import Words
from distil.framework.outcome import RunResults
from distil.framework.tasks.tagging.example import Tagged
from distil.framework.tasks.tagging.tags import Entity, entities_of
from distil.framework.tasks.tagging.task import Tagging
from distil.tracking.html.answers import answers_in, labelled_examples
from distil.tracking.html.cases import FEW, Answer, Cases, TextCase, alike, cases_of, first_shown, text_case
from distil.tracking.html.label_parts import Table

Marks = frozenset[Entity]

_MOST_TYPES = 100  # rows of the table
_PAIRS = 15
_SHOWN = 30  # entities, or words, of one answer


@dataclass(frozen=True)
class TagAnswers:
    """n texts, what is marked in each, and by model what it marks: entities, or where `entities` is false every word.

    Places are numbers of units.
    """

    entities: bool
    texts: Sequence[Tagged]
    gold: Sequence[Marks]
    given: Mapping[str, Sequence[Marks]]


def read_tagged(folder: Path, results: RunResults, task: Tagging) -> TagAnswers:
    """The labelled texts of the run's evaluation split, with the answers of all models that were measured.

    Raises UserError where data or recipe cannot be had any more as the run had them, or for damaged predictions.
    """
    texts: list[Tagged] = list(labelled_examples(results))
    of_entities = task.of_entities

    def marks(tags: Sequence[str]) -> Marks:
        words = [Entity(tag, place, place + 1) for place, tag in enumerate(tags)]
        return frozenset(entities_of(tags) if of_entities else words)

    given = answers_in(folder, results, texts, lambda text, said: marks(said["tags"]))
    return TagAnswers(of_entities, texts, [marks(text.tags or ()) for text in texts], given)


def type_table(answers: TagAnswers, words: Words) -> Table:
    """F1 of each type, or tag, in percent by model, the most frequent first."""
    gold = _count(answers.gold)
    f1: dict[str, dict[str, float]] = {}
    for name, given in answers.given.items():
        right = _count([marks & found for marks, found in zip(answers.gold, given, strict=True)])
        said = _count(given)
        f1[name] = {type: 200 * right[type] / ((gold[type] + said[type]) or 1) for type in {*gold, *said}}
    types = sorted({*gold, *(type for found in f1.values() for type in found)}, key=lambda type: (-gold[type], type))
    rows = [
        [
            (type or "_") + ("\u00a0*" if gold[type] < FEW else ""),
            str(gold[type]),
            *(f"{found.get(type, 0):.1f}" for found in f1.values()),
        ]
        for type in types[:_MOST_TYPES]
    ]
    what, many = ("type", "entities") if answers.entities else ("tag", "words")
    more = words("rarest", len(types) - _MOST_TYPES) if len(types) > _MOST_TYPES else ""
    return Table(words(f"{what} figures", few=FEW) + more, [words(what), words(many), *answers.given], rows)


def mistakes(answers: TagAnswers, roles: Mapping[str, str], words: Words) -> Table:
    """Of entities: how many are right, of another type, cut otherwise, missed, or where there is none. Of other tags: the
    most frequent confusions."""
    if not answers.entities:
        return _confused(answers, roles, words)
    counts = {
        name: sum((_kinds(*pair) for pair in zip(answers.gold, given, strict=True)), Counter[str]())
        for name, given in answers.given.items()
    }
    kinds = ("right", "another type", "cut otherwise", "overlooked", "none there")
    rows = [[name, *(str(found[kind]) for kind in kinds)] for name, found in counts.items()]
    return Table(words("fates"), [words("model"), *(words(kind) for kind in kinds)], rows)


def _kinds(gold: Marks, given: Marks) -> Counter[str]:
    """Of each gold entity what became of it, and of each that is given whether any gold one is there."""
    spans = {(one.start, one.end) for one in given}
    found: Counter[str] = Counter()
    for one in gold:
        if one in given:
            found["right"] += 1
        elif (one.start, one.end) in spans:
            found["another type"] += 1
        elif any(_meet(one, other) for other in given):
            found["cut otherwise"] += 1
        else:
            found["overlooked"] += 1
    found["none there"] = sum(not any(_meet(one, other) for other in gold) for one in given)
    return found


def _meet(one: Entity, other: Entity) -> bool:
    return one.start < other.end and other.start < one.end


def _confused(answers: TagAnswers, roles: Mapping[str, str], words: Words) -> Table:
    counts: dict[str, Counter[tuple[str, str]]] = {}
    for name, given in answers.given.items():
        pairs = zip(answers.gold, given, strict=True)
        counts[name] = Counter(pair for gold, found in pairs for pair in _wrong(gold, found))
    shown = first_shown(counts, roles) or ""
    every = {pair for found in counts.values() for pair in found}
    order = sorted(every, key=lambda pair: (-counts[shown][pair], -sum(found[pair] for found in counts.values()), pair))
    rows = [[*pair, *(str(found[pair]) for found in counts.values())] for pair in order[:_PAIRS]]
    caption = words("confused words", model=shown)
    return Table(caption, [words("gold tag"), words("tag given"), *counts], rows, left=2)


def _wrong(gold: Marks, given: Marks) -> list[tuple[str, str]]:
    tags = {one.start: one.type for one in given}
    return [(one.type, tags[one.start]) for one in gold if tags[one.start] != one.type]


def tag_cases(answers: TagAnswers, roles: Mapping[str, str], words: Words) -> list[Cases[TextCase]]:
    """Texts on which the student is wrong and a teacher or the ensemble right, and the other way round."""
    right = [
        {name: given[number] == gold for name, given in answers.given.items()}
        for number, gold in enumerate(answers.gold)
    ]
    return [found.map(lambda number: _case(answers, number, words)) for found in cases_of(right, roles, words)]


def _case(answers: TagAnswers, number: int, words: Words) -> TextCase:
    text, gold = answers.texts[number], answers.gold[number]
    found = alike({name: given[number] for name, given in answers.given.items()})
    # Of tags that every word has, those of words on which somebody is wrong.
    places = {one.start for marks in found for one in marks ^ gold} if not answers.entities else None
    said = [
        Answer(
            _named(text, marks, places) or words("nothing marked"), "yes" if marks == gold else "no", ", ".join(names)
        )
        for marks, names in found.items()
    ]
    return text_case(text.texts, _named(text, gold, places) or words("nothing marked"), said, words("right"))


def _named(text: Tagged, marks: Marks, places: set[int] | None) -> str:
    """What is marked, each with its type."""
    shown = sorted((one for one in marks if places is None or one.start in places), key=lambda one: one.start)
    said = [f"{text.text[text.units[one.start][0] : text.units[one.end - 1][1]]} ({one.type or '_'})" for one in shown]
    return ", ".join(said[:_SHOWN]) + (" …" if len(said) > _SHOWN else "")


def _count(marked: Sequence[Marks]) -> Counter[str]:
    """How often each type is marked."""
    return Counter(one.type for marks in marked for one in marks)
