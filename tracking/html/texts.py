"""The texts on which a run's models were measured, with what each model made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from framework.outcome import RunResults
from framework.tasks.base import Plain
from framework.tasks.classification.data import Text
from framework.tasks.classification.task import Classification
from tracking.html.answers import answers_in, labelled_examples

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


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
    shape = (len(texts), len(labels))
    return LabelAnswers(
        labels=labels,
        exclusive=task.problem_type == "single_label",
        texts=texts,
        gold=np.asarray([[label in text.labels for label in labels] for text in texts], np.bool_).reshape(shape),
        given={name: np.asarray([one for one, _ in said], np.bool_).reshape(shape) for name, said in found.items()},
        probabilities={name: np.asarray([one for _, one in said]).reshape(shape) for name, said in found.items()},
    )
