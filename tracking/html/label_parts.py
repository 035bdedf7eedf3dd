"""How models do on each label, what they take for what, how far their probabilities can be trusted, where they differ; and what each
model made of the texts on which it was measured."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from distil.framework.language.words import Words
from distil.framework.outcome import RunResults
from distil.framework.tasks.base import Plain
from distil.framework.tasks.classification.data import Text
from distil.framework.tasks.classification.task import Classification
from distil.tracking.html.answers import answers_in, labelled_examples
from distil.tracking.html.cases import FEW, Answer, Cases, TextCase, alike, cases_of, first_shown, text_case
from distil.tracking.html.plot import Line, Plot, number_axis

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
_MOST_LABELS = 100  # rows of the table
_MATRIX = 20  # labels, at most, of a matrix that can be read
_PAIRS = 15
_SHADES = 9
_BINS = 10


@dataclass(frozen=True)
class LabelAnswers:
    """n texts with labels, gold [n, L], and by model those that it gives [n, L] and how probable all are [n, L].

    exclusive: whether a text has exactly one.
    """

    labels: Sequence[str]
    exclusive: bool
    texts: Sequence[Text]
    gold: Flags
    given: Mapping[str, Flags]
    probabilities: Mapping[str, Floats]


@dataclass(frozen=True)
class NumberAnswers:
    """n texts with numbers, gold [n], and by model its own [n]."""

    texts: Sequence[Text]
    gold: Floats
    given: Mapping[str, Floats]


def read_texts(folder: Path, results: RunResults, task: Classification) -> LabelAnswers | NumberAnswers:
    """The labelled texts of the run's evaluation split, with the answers of all models that were measured.

    Raises UserError where data or recipe cannot be had any more as the run had them, or for damaged predictions.
    """
    texts: list[Text] = list(labelled_examples(results))
    if task.labels is None:
        values = answers_in(folder, results, texts, lambda text, said: float(said["value"]))
        given = {name: np.asarray(found, np.float64) for name, found in values.items()}
        return NumberAnswers(texts, np.asarray([text.gold for text in texts], np.float64), given)
    labels = task.labels

    def read(text: Text, said: Plain) -> tuple[list[bool], list[float]]:
        names = said["labels"] if "labels" in said else [said["label"]]
        return [label in names for label in labels], [float(said["probabilities"][label]) for label in labels]

    found = answers_in(folder, results, texts, read)
    shape, gold = (len(texts), len(labels)), [text.labels for text in texts]
    return LabelAnswers(
        labels=labels,
        exclusive=task.problem_type == "single_label",
        texts=texts,
        gold=np.asarray([[one in there for one in labels] for there in gold], np.bool_).reshape(shape),
        given={name: np.asarray([one for one, _ in said], np.bool_).reshape(shape) for name, said in found.items()},
        probabilities={name: np.asarray([one for _, one in said]).reshape(shape) for name, said in found.items()},
    )


class Table(NamedTuple):
    """A table; so many columns at the left are text."""

    caption: str
    columns: list[str]
    rows: list[list[str]]
    left: int = 1


@dataclass(frozen=True)
class Matrix:
    """So many texts of each label got each label. of: the model; rows: the label, then of each label how many, and the shade
    of the cell, from 0 to 9 by the share of the row."""

    of: str
    labels: list[str]
    rows: list[tuple[str, list[tuple[int, int]]]]


@dataclass(frozen=True)
class Confusions:
    """matrix: of the student, where labels are few enough; table: the most frequent confusions of all models."""

    matrix: Matrix | None
    table: Table | None


@dataclass(frozen=True)
class Calibration:
    """plot: how often answers are right by how probable they are said to be; table: the same as one number a model."""

    plot: Plot | None
    table: Table


def label_table(answers: LabelAnswers, words: Words) -> Table:
    """F1 of each label in percent by model, the most frequent labels first."""
    support = answers.gold.sum(0)
    f1 = {name: _f1(answers.gold, given) for name, given in answers.given.items()}
    order = [int(label) for label in np.argsort(-support, kind="stable")][:_MOST_LABELS]
    rows = [
        [
            answers.labels[label] + ("\u00a0*" if support[label] < FEW else ""),
            str(support[label]),
            *(f"{100 * found[label]:.1f}" for found in f1.values()),
        ]
        for label in order
    ]
    left_out = len(answers.labels) - len(order)
    more = words("rarest labels", left_out) if left_out else ""
    caption = words("label figures", few=FEW) + more
    return Table(caption, [words("label"), words("texts"), *answers.given], rows)


def confusions(answers: LabelAnswers, roles: Mapping[str, str], words: Words) -> Confusions:
    """What models take for what; of texts with several labels what they miss and what they give wrongly."""
    shown = first_shown(answers.given, roles)
    if shown is None:
        return Confusions(None, None)
    if not answers.exclusive:
        return Confusions(None, _missed(answers, words))
    # Pairs that occur, and not all that there may be: of thousands of labels these are millions.
    gold = answers.gold.argmax(1).tolist()
    counts = {name: Counter(zip(gold, given.argmax(1).tolist(), strict=True)) for name, given in answers.given.items()}
    matrix = _matrix(shown, answers.labels, counts[shown]) if len(answers.labels) <= _MATRIX else None
    together = sum(counts.values(), Counter[tuple[int, int]]())
    pairs = sorted(together, key=lambda pair: (-counts[shown][pair], -together[pair], pair))
    rows = [
        [answers.labels[right], answers.labels[said], *(str(found[right, said]) for found in counts.values())]
        for right, said in [pair for pair in pairs if pair[0] != pair[1]][:_PAIRS]
    ]
    columns = [words("gold label"), words("label given"), *answers.given]
    caption = words("confused texts", model=shown)
    return Confusions(matrix, Table(caption, columns, rows, left=2) if rows else None)


def calibration(answers: LabelAnswers, roles: Mapping[str, str], words: Words) -> Calibration:
    """How probable models say their answers are, beside how often these are right, in ten bins."""
    found = {name: _confidence(answers, name) for name in answers.given}
    lines = [
        Line(name, roles[name], points)
        for name, (said, right) in found.items()
        if roles[name] != "baseline" and len(points := _bins(said, right)) > 1
    ]
    rows = [
        [name, f"{100 * said.mean():.1f}", f"{100 * right.mean():.1f}", f"{100 * _error(said, right):.1f}"]
        for name, (said, right) in found.items()
        if len(said)
    ]
    of = "one" if answers.exclusive else "each"
    right = words("right" if answers.exclusive else "labels there")
    columns = [words("model"), words(f"mean probability {of}"), right, words("error")]
    table = Table(words("calibration error"), columns, rows)
    if not lines:
        return Calibration(None, table)
    unit = [0.0, 1.0]
    axes = (number_axis(words(f"probability {of}"), unit, bounds=(0, 1)), number_axis(words("share right"), unit))
    plot = Plot(
        "calibration-plot", words("calibration"), *axes, lines=[Line("", "published", [(0, 0), (1, 1)]), *lines]
    )
    return Calibration(plot, table)


def label_cases(answers: LabelAnswers, roles: Mapping[str, str], words: Words) -> list[Cases[TextCase]]:
    """Texts on which the student is wrong and a teacher or the ensemble right, and the other way round."""
    right = {name: (given == answers.gold).all(1) for name, given in answers.given.items()}
    by_text = [{name: bool(found[number]) for name, found in right.items()} for number in range(len(answers.texts))]
    return [found.map(lambda number: _case(answers, number, words)) for found in cases_of(by_text, roles, words)]


def _case(answers: LabelAnswers, number: int, words: Words) -> TextCase:
    gold = answers.gold[number]
    return text_case(
        answers.texts[number].texts,
        _named(answers.labels, gold) or words("no label"),
        [
            Answer(
                _named(answers.labels, given := answers.given[names[0]][number]) or words("no label"),
                "yes" if (given == gold).all() else "no",
                ", ".join(f"{name} {words.figures(_probability(answers, name, number))}".strip() for name in names),
            )
            for names in alike({name: given[number].tobytes() for name, given in answers.given.items()}).values()
        ],
        words("right"),
    )


def _probability(answers: LabelAnswers, name: str, number: int) -> str:
    """How probable a model says what it gives is: of one label; of several each."""
    said, given = answers.probabilities[name][number], answers.given[name][number]
    return "/".join(f"{p:.2f}" for p in said[given])


def _named(labels: Sequence[str], there: Flags) -> str:
    return ", ".join(label for label, one in zip(labels, there, strict=True) if one)


def _f1(gold: Flags, given: Flags) -> Floats:
    """Of each label; 0 where it neither is there nor is given."""
    both, here = (gold & given).sum(0), gold.sum(0) + given.sum(0)
    result: Floats = np.divide(2 * both, here, out=np.zeros(len(here)), where=here > 0)
    return result


def _matrix(model: str, labels: Sequence[str], pairs: Mapping[tuple[int, int], int]) -> Matrix:
    counts = np.zeros((len(labels), len(labels)), np.int64)
    for pair, count in pairs.items():
        counts[pair] = count
    shades = np.ceil(_SHADES * counts / np.maximum(counts.sum(1, keepdims=True), 1)).astype(int)
    rows = [
        (label, [(int(count), int(shade)) for count, shade in zip(row, shaded, strict=True)])
        for label, row, shaded in zip(labels, counts, shades, strict=True)
    ]
    return Matrix(model, list(labels), rows)


def _missed(answers: LabelAnswers, words: Words) -> Table:
    """Of every label how many texts lack it that should have it, and have it that should not, by model."""
    order = [int(label) for label in np.argsort(-answers.gold.sum(0), kind="stable")][:_MOST_LABELS]
    missed = {name: (answers.gold & ~given).sum(0) for name, given in answers.given.items()}
    wrong = {name: (given & ~answers.gold).sum(0) for name, given in answers.given.items()}
    rows = [
        [answers.labels[label], *(f"{missed[name][label]} / {wrong[name][label]}" for name in answers.given)]
        for label in order
    ]
    return Table(words("missed"), [words("label"), *answers.given], rows)


def _confidence(answers: LabelAnswers, name: str) -> tuple[Floats, Flags]:
    """How probable answers are said to be, and whether they are right: of one label what is given; of several each label,
    and whether it is there."""
    said = answers.probabilities[name]
    if not answers.exclusive:
        return said.reshape(-1), answers.gold.reshape(-1)
    given = answers.given[name]
    return said[given], answers.gold[given]


def _bins(said: Floats, right: Flags) -> list[tuple[float, float]]:
    """Mean probability and share of right answers of each bin that holds enough of them."""
    number = np.minimum((said * _BINS).astype(int), _BINS - 1)
    return [
        (float(said[here].mean()), float(right[here].mean()))
        for bin in range(_BINS)
        if (here := number == bin).sum() >= FEW
    ]


def _error(said: Floats, right: Flags) -> float:
    """Expected calibration error: the mean over answers of |share right − mean probability| of their bin."""
    number = np.minimum((said * _BINS).astype(int), _BINS - 1)
    off = np.bincount(number, said, _BINS) - np.bincount(number, right.astype(float), _BINS)
    return float(np.abs(off).sum() / len(said))
