"""Generated messages: the source's settings, texts that no two splits share, and their labels."""

from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from distil.framework.data.generated import GeneratedSource, Generators, chance, generated_splits, pick, pick_several
from distil.framework.data.records import Record
from distil.framework.tasks.classification.synthetic_words import CHAT, GOODS, LETTER, TOPICS, Manner

_LABELS = tuple(TOPICS)

Message = tuple[str, list[str], list[str]]
"""A text, the labels of what it asks for, and those of what it only mentions."""


class Messages(GeneratedSource):
    """Generated messages to a shop, in Russian. The seed decides everything, on every machine.

    A message asks about one topic, or several, and mentions others about which it does not ask.
    """

    kind: Literal["messages"] = "messages"
    task: ClassVar[str] = "classification"
    texts: ClassVar[str] = "generated Russian messages"
    items: ClassVar[str] = "messages"
    examples: dict[str, Annotated[int, Field(ge=1, le=1_000_000)]] = Field(
        default_factory=lambda: {"train": 4000, "validation": 500}, description="split -> number of messages"
    )
    requests: int = Field(default=1, ge=1, le=4, description="topics that a message asks about, at most: its labels")
    asides: int = Field(default=2, ge=0, le=4, description="topics that it mentions and does not ask about, at most")
    chats: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of the messages that are written as in a chat, the others as letters",
    )
    label_noise: float = Field(
        default=0.0, ge=0, le=1, description="share of the messages of the split `train` that get a wrong label"
    )

    @property
    def labels(self) -> list[str]:
        """The topics, sorted."""
        return sorted(TOPICS)

    def generate(self) -> dict[str, list[Record]]:
        """See GeneratedSource."""
        return generate(self)


def generate(settings: "Messages") -> dict[str, list[Record]]:
    """The records of every split. Raises DataError where the settings allow too few different messages."""

    def writer(random: Generators) -> Callable[[], Message]:
        manner = CHAT if chance(random("manner"), settings.chats) else LETTER
        return partial(_message, random("text"), settings, manner)

    advice = "raise asides, or ask for fewer examples"
    return generated_splits(settings, writer, lambda message: message[0], _values, advice)


def _values(message: Message, random: Generators, noise: float) -> Iterator[dict[str, object]]:
    text, wanted, aside = message
    labels = _wrong(random("noise"), wanted, aside) if chance(random("noise"), noise) else wanted
    yield {"text": text, "label": labels[0], "labels": labels}


def _message(rng: Random, settings: "Messages", manner: Manner) -> Message:
    requests = 1 + int(rng.random() * settings.requests)
    asides = int(rng.random() * (settings.asides + 1))
    drawn = pick_several(rng, _LABELS, requests + asides)
    wanted, aside = drawn[:requests], drawn[requests:]
    sentences = [_sentence(rng, manner.requests, label) for label in wanted]
    sentences += [_sentence(rng, manner.asides, label) for label in aside]
    sentences = pick_several(rng, sentences, len(sentences))
    if chance(rng, 0.5):
        sentences.insert(0, pick(rng, manner.greetings))
    if chance(rng, 0.3):
        sentences.append(pick(rng, manner.closings))
    return " ".join(sentences), sorted(wanted), aside


def _sentence(rng: Random, forms: tuple[str, ...], label: str) -> str:
    topic, goods = pick(rng, TOPICS[label]), pick(rng, GOODS)
    return pick(rng, forms).format(acc=topic.acc.format(goods=goods), gen=topic.gen.format(goods=goods))


def _wrong(rng: Random, wanted: list[str], aside: list[str]) -> list[str]:
    """Labels such as hasty annotators give: one that is only mentioned, if any, or any other, in the place of one."""
    others = aside if aside and chance(rng, 0.5) else [label for label in _LABELS if label not in wanted]
    kept = pick_several(rng, wanted, len(wanted) - 1)
    return sorted([*kept, pick(rng, others)])
