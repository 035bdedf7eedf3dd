"""Generating all splits: paragraphs that no two splits share, and their questions as records."""

from random import Random
from typing import TYPE_CHECKING

from framework.data.draws import chance
from framework.data.records import Record
from framework.errors import DataError
from framework.tasks.span_qa.synthetic.paragraph import Paragraph, Question, ask, write_paragraph, wrong_span

if TYPE_CHECKING:
    from framework.tasks.span_qa.synthetic.section import Synthetic

_ATTEMPTS = 1000


def generate(settings: "Synthetic") -> dict[str, list[Record]]:
    """The records of every split.

    Each split has random generators of its own, one for the text and one for the noise: more questions leave
    the earlier ones as they are, and noise changes nothing but labels.

    Raises:
        DataError: the settings allow too few different paragraphs.
    """
    written: set[str] = set()
    # Sorted, since the order in which a recipe names its splits means nothing.
    return {split: _split(settings, split, written) for split in sorted(settings.examples)}


def _split(settings: "Synthetic", split: str, written: set[str]) -> list[Record]:
    text_rng, noise_rng = Random(f"{settings.seed}/{split}/text"), Random(f"{settings.seed}/{split}/noise")
    noise = settings.label_noise if split == "train" else 0.0
    count = settings.examples[split]
    records: list[Record] = []
    while len(records) < count:
        paragraph = _new_paragraph(text_rng, settings, written)
        for question in ask(text_rng, settings, paragraph)[: count - len(records)]:
            records.append(_record(f"{split}-{len(records):06d}", paragraph, question, noise_rng, noise))
    return records


def _new_paragraph(rng: Random, settings: "Synthetic", written: set[str]) -> Paragraph:
    for _ in range(_ATTEMPTS):
        paragraph = write_paragraph(rng, settings)
        if paragraph.context not in written:
            written.add(paragraph.context)
            return paragraph
    raise DataError(
        f"data.source: after {len(written)} paragraphs hardly a new one can be made; "
        "raise facts or ways_to_tell, or ask for fewer examples"
    )


def _record(id: str, paragraph: Paragraph, question: Question, rng: Random, noise: float) -> Record:
    fact, context = question.fact, paragraph.context
    values = {"id": id, "context": context, "question": question.text}
    if fact is None:
        return Record(f"generated {id}", {**values, "answers": [], "is_impossible": True})
    start, end = wrong_span(rng, paragraph, fact) if chance(rng, noise) else (fact.start, fact.end)
    return Record(f"generated {id}", {**values, "answers": {"text": context[start:end], "answer_start": start}})
