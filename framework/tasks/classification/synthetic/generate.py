"""Generating all splits: messages that no two splits share, and their labels."""

from random import Random
from typing import TYPE_CHECKING

from framework.data.draws import chance, pick, pick_several
from framework.data.records import Record
from framework.errors import DataError
from framework.tasks.classification.synthetic.phrases import CHAT, GOODS, LETTER, TOPICS, Manner

if TYPE_CHECKING:
    from framework.tasks.classification.synthetic.section import Messages

_ATTEMPTS = 1000
_LABELS = tuple(TOPICS)


def generate(settings: "Messages") -> dict[str, list[Record]]:
    """The records of every split.

    Each split has random generators of its own, for the text, its manner and the noise: more messages leave the earlier
    ones as they are, and noise changes nothing but labels.

    Raises:
        DataError: the settings allow too few different messages.
    """
    written: set[str] = set()
    # Sorted, since the order in which a recipe names its splits means nothing.
    return {split: _split(settings, split, written) for split in sorted(settings.examples)}


def _split(settings: "Messages", split: str, written: set[str]) -> list[Record]:
    text_rng, manner_rng, noise_rng = (Random(f"{settings.seed}/{split}/{of}") for of in ("text", "manner", "noise"))
    noise = settings.label_noise if split == "train" else 0.0
    records: list[Record] = []
    for number in range(settings.examples[split]):
        manner = CHAT if chance(manner_rng, settings.chats) else LETTER
        text, wanted, aside = _new_message(text_rng, settings, manner, written)
        labels = _wrong(noise_rng, wanted, aside) if chance(noise_rng, noise) else wanted
        id = f"{split}-{number:06d}"
        records.append(Record(f"generated {id}", {"id": id, "text": text, "label": labels[0], "labels": labels}))
    return records


def _new_message(
    rng: Random, settings: "Messages", manner: Manner, written: set[str]
) -> tuple[str, list[str], list[str]]:
    for _ in range(_ATTEMPTS):
        message = _message(rng, settings, manner)
        if message[0] not in written:
            written.add(message[0])
            return message
    raise DataError(
        f"data.source: after {len(written)} messages hardly a new one can be made; raise asides, or ask for fewer examples"
    )


def _message(rng: Random, settings: "Messages", manner: Manner) -> tuple[str, list[str], list[str]]:
    """A text, the labels of what it asks for, and those of what it only mentions."""
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
