"""Completions that models find likely or write: how they do by length, and the texts on which student and teachers differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from distil.framework.language.words import Words
from distil.framework.outcome import RunResults
from distil.framework.segments import Floats
from distil.framework.tables import NOTHING
from distil.framework.tasks.text.example import Written, in_lines
from distil.framework.tasks.text.metrics import BITS_PER_BYTE
from distil.tracking.html.answers import answers_in, labelled_examples
from distil.tracking.html.cases import FEW, Answer, Cases, TextCase, further_off, text_case
from distil.tracking.html.label_parts import Table

_LENGTHS = (2, 5, 10, 20, 50, 100)  # words of a completion, at most


@dataclass(frozen=True)
class WrittenAnswers:
    """n texts, and of each model the bits that their completions take, so many bytes of them, NaN of one that does not say [n], and what
    it writes itself, None where it writes nothing."""

    texts: Sequence[Written]
    bits: Mapping[str, Floats]
    sizes: Mapping[str, Floats]
    written: Mapping[str, Sequence[str | None]]

    def per_byte(self, name: str) -> Floats:
        """Bits per byte of each text."""
        return self.bits[name] / np.maximum(self.sizes[name], 1)


def read_written(folder: Path, results: RunResults) -> WrittenAnswers:
    """The labelled texts of the run's evaluation split, with what all models that were measured say of them.

    Raises UserError where data or recipe cannot be had any more as the run had them, or for damaged predictions.
    """
    texts: list[Written] = list(labelled_examples(results))

    def read(text: Written, said: Mapping[str, object]) -> tuple[object, object, str | None]:
        return said["bits"], said["bytes"], None if said["text"] is None else str(said["text"])

    found = answers_in(folder, results, texts, read)
    numbers = {name: np.asarray([one[:2] for one in said], np.float64).reshape(-1, 2) for name, said in found.items()}
    return WrittenAnswers(
        texts,
        {name: both[:, 0] for name, both in numbers.items()},
        {name: both[:, 1] for name, both in numbers.items()},
        {name: [one[2] for one in said] for name, said in found.items()},
    )


def length_table(answers: WrittenAnswers, words: Words) -> Table:
    """Bits per byte of texts whose completions have so many words, by model."""
    lengths = np.asarray([len(text.completion.split()) for text in answers.texts])
    group = np.searchsorted(_LENGTHS, lengths)
    names = [f"{low + 1}–{high}" for low, high in zip((0, *_LENGTHS), _LENGTHS, strict=False)]
    rows = []
    for number, name in enumerate([*names, words("more words", most=_LENGTHS[-1])]):
        inside = group == number
        if count := int(inside.sum()):
            figures = (
                answers.bits[model][inside].sum() / max(answers.sizes[model][inside].sum(), 1) for model in answers.bits
            )
            shown = (NOTHING if np.isnan(one) else f"{one:.3f}" for one in figures)
            rows.append([name + ("\u00a0*" if count < FEW else ""), str(count), *shown])
    return Table(words("length figures", few=FEW), [words("completion words"), words("texts"), *answers.bits], rows)


def written_cases(answers: WrittenAnswers, roles: Mapping[str, str], words: Words) -> list[Cases[TextCase]]:
    """Texts of which the student takes more bits a byte than all teachers and the ensemble, and the other way round, those with the greatest
    difference first; none of which one reads less than the others."""
    off = {name: answers.per_byte(name) for name in answers.bits if not np.isnan(answers.bits[name]).any()}
    # An ensemble may leave out single units of what its teachers read.
    sizes = [answers.sizes[name] for name in off if roles[name] in ("student", "teacher")]
    alike = np.all([(size == sizes[0]) & (size > 0) for size in sizes], axis=0)
    off = {name: np.where(alike, bits, 0.0) for name, bits in off.items()}
    found = further_off(off, roles, (words("student more bits"), words("student fewer bits")))
    return [cases.map(lambda number: _case(answers, number, words)) for cases in found]


def _case(answers: WrittenAnswers, number: int, words: Words) -> TextCase:
    text = answers.texts[number]
    given = in_lines(text.messages) if text.messages else text.prompt
    said = []
    for name, written in answers.written.items():
        bits = answers.per_byte(name)[number]
        what = words("writes nothing") if written[number] is None else written[number]
        said.append(Answer(str(what).strip() or "_", NOTHING if np.isnan(bits) else f"{bits:.3f}", name))
    return text_case([given.strip() or "_"], text.completion.strip(), said, BITS_PER_BYTE.label)
