"""Generated instructions: the source's settings, prompts that no two splits share, and what is to be written after them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from distil.framework.data.generated import GeneratedSource, Generators, chance, generated_splits, pick, pick_several
from distil.framework.data.records import Record
from distil.framework.tasks.text.synthetic_words import (
    LIVES,
    MEN,
    NOUNS,
    OPPOSITE,
    OPPOSITES,
    PAST,
    PLURAL,
    TOWNS,
    VERBS,
    WOMEN,
    Noun,
    adjective,
    number,
)


class Instructions(GeneratedSource):
    """Generated instructions in Russian, each with what is to be written. The seed decides everything, on every machine.

    Words are to be put into another form or replaced by their opposites, things are to be counted, and questions to be answered about
    a sentence.
    """

    kind: Literal["instructions"] = "instructions"
    task: ClassVar[str] = "text"
    texts: ClassVar[str] = "generated Russian instructions"
    items: ClassVar[str] = "instructions"
    examples: dict[str, Annotated[int, Field(ge=1, le=1_000_000)]] = Field(
        default_factory=lambda: {"train": 4000, "validation": 500}, description="split -> number of instructions"
    )
    label_noise: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of the instructions of the split `train` after which something wrong is written",
    )

    def generate(self) -> dict[str, list[Record]]:
        """See GeneratedSource."""
        return generated_splits(
            self,
            lambda random: partial(_made, random("text")),
            lambda made: made.prompt,
            _values,
            "ask for fewer instructions",
        )


@dataclass(frozen=True)
class Made:
    """An instruction. wrong: what somebody might write who makes a mistake."""

    prompt: str
    completion: str
    wrong: tuple[str, ...]


def _made(rng: Random) -> Made:
    return pick(rng, _KINDS)(rng)


def _values(made: Made, random: Generators, noise: float) -> Iterator[dict[str, object]]:
    is_wrong = chance(random("noise"), noise)
    yield {"prompt": made.prompt, "completion": pick(random("noise"), made.wrong) if is_wrong else made.completion}


def _thing(rng: Random) -> tuple[Noun, str, str]:
    """A noun, and the stems of an adjective and of its opposite."""
    pair = pick_several(rng, pick(rng, OPPOSITES), 2)
    return pick(rng, NOUNS), pair[0], pair[1]


def _plural(rng: Random) -> Made:
    noun, stem, _ = _thing(rng)
    one, many = adjective(stem, noun.gender), adjective(stem, "plural")
    wrong = (f"{many} {noun.singular}.", f"{one} {noun.plural}.", f"{one} {noun.singular}.")
    said = f"{one} {noun.singular}"
    return Made(pick(rng, PLURAL).format(said=said), f"{many} {noun.plural}.", wrong)


def _opposite(rng: Random) -> Made:
    noun, stem, other = _thing(rng)
    another = pick(rng, [one for pair in OPPOSITES for one in pair if one not in (stem, other)])
    forms = [f"{adjective(one, noun.gender)} {noun.singular}" for one in (stem, other, another)]
    return Made(pick(rng, OPPOSITE).format(said=forms[0]), f"{forms[1]}.", (f"{forms[0]}.", f"{forms[2]}."))


def _past(rng: Random) -> Made:
    is_woman = chance(rng, 0.5)
    name, _ = pick(rng, WOMEN if is_woman else MEN)
    verb, (noun, stem, _) = pick(rng, VERBS), _thing(rng)
    what = f"{adjective(stem, 'object' if noun.gender == 'f' else noun.gender)} {noun.object}"
    now, his, hers = (f"{name} {form} {what}" for form in verb)
    right, other = (hers, his) if is_woman else (his, hers)
    return Made(pick(rng, PAST).format(said=now), f"{right}.", (f"{other}.", f"{now}."))


def _count(rng: Random) -> Made:
    is_woman = chance(rng, 0.5)
    _, whose = pick(rng, WOMEN if is_woman else MEN)
    noun, first, more = pick(rng, NOUNS), 1 + int(rng.random() * 10), 1 + int(rng.random() * 9)
    given = number(more, noun.gender)
    had = {"m": "был", "f": "была", "n": "было"}[noun.gender] if first == 1 else "было"
    prompt = (
        f"У {whose} {had} {number(first, noun.gender)} {noun.counted(first)}, и {'ей' if is_woman else 'ему'} дали ещё "
        f"{given}. Сколько стало?"
    )
    right, *wrong = (
        f"У {whose} {number(count, noun.gender)} {noun.counted(count)}."
        for count in (first + more, first + more + 1, first + more - 1)
    )
    return Made(prompt, right, tuple(wrong))


def _where(rng: Random) -> Made:
    names = pick_several(rng, [name for name, _ in (*MEN, *WOMEN)], 2)
    towns, verb = pick_several(rng, TOWNS, 2), pick(rng, LIVES)
    said = ", ".join(f"{name} {verb} в {town}" for name, town in zip(names, towns, strict=True))
    asked = int(chance(rng, 0.5))
    right, wrong = (f"{names[asked]} {verb} в {towns[one]}." for one in (asked, 1 - asked))
    return Made(f"{said}. Где {verb} {names[asked]}?", right, (wrong,))


_KINDS: tuple[Callable[[Random], Made], ...] = (_plural, _opposite, _past, _count, _where)
