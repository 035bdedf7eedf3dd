"""What a text is told: one label, several, or a number. Each says what its heads and outcomes are, and what becomes of them.

Probabilities, as `to_dense` gives them, are [E, H, L]: of a single label H = 1 and L = labels; of several H = labels and
of a number H = 1, with the outcomes NO and YES.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from distil.framework.errors import ModelError
from distil.framework.signals.algebra import Signals
from distil.framework.tasks.base import Logits, Plain
from distil.framework.tasks.classification import metrics
from distil.framework.tasks.classification.data import Text
from distil.framework.tasks.classification.signal import (
    NO,
    YES,
    ends,
    gold_outcomes,
    numbers_as_logits,
    weights,
    write_several,
    write_single,
)
from distil.framework.tasks.label_names import translated, translation
from distil.framework.tasks.reports import Scores

if TYPE_CHECKING:
    from distil.framework.tasks.classification.settings import ClassificationSettings

VALUE = "value"  # how the only class of a head that gives a number is called

Targets = tuple[NDArray[np.int64], NDArray[np.float32]]
ClassWeights = Mapping[str, float] | Literal["balanced"] | None
_Floats = NDArray[np.float64]
_Probabilities = NDArray[np.floating]


class Problem(Protocol):
    """See above. classes: names of the head's outputs, in their order; outcomes: L."""

    @property
    def classes(self) -> Sequence[str]:
        """Names of the head's outputs, in their order."""

    @property
    def outcomes(self) -> int:
        """Of each head."""

    def targets(self, examples: Sequence[Text]) -> Targets:
        """The gold outcome of every row that an example has in the loss, -1 if unlabelled, and what the row weighs. [E, rows]"""

    def translated(
        self, logits: Logits, id2label: Mapping[int, str], label_map: Mapping[str, str | None] | None
    ) -> Logits:
        """Logits of other classes than these. Raises ModelError for some of which nobody says what they mean."""

    def write(self, logits: _Floats) -> Signals:
        """logits: [E, classes]."""

    def gold(self, examples: Sequence[Text]) -> NDArray[np.int64]:
        """Of labelled examples the gold outcome of each head. [H]"""

    def predictions(self, examples: Sequence[Text], probabilities: _Probabilities) -> Plain:
        """By example id, as metrics.py says."""

    def answer_of(self, prediction: Plain) -> Hashable:
        """What equal predictions have in common."""

    def scores(self, examples: Sequence[Text], predictions: Plain, resamples: int, seed: int) -> Scores:
        """Of the labelled examples."""


@dataclass(frozen=True)
class SingleLabel:
    """See Problem."""

    classes: Sequence[str]
    class_weights: ClassWeights

    @property
    def outcomes(self) -> int:
        """See Problem."""
        return len(self.classes)

    def targets(self, examples: Sequence[Text]) -> Targets:
        """See Problem."""
        gold = gold_outcomes(examples, self.classes, several=False)
        return gold, weights(gold, self.classes, self.class_weights, several=False)

    def translated(
        self, logits: Logits, id2label: Mapping[int, str], label_map: Mapping[str, str | None] | None
    ) -> Logits:
        """See Problem: masses of classes that mean the same label add up."""
        meant = translation(id2label, self.classes, label_map)
        return list(translated(_rows(logits, len(meant)), meant, len(self.classes), exclusive=True))

    def write(self, logits: _Floats) -> Signals:
        """See Problem."""
        return write_single(logits)

    def gold(self, examples: Sequence[Text]) -> NDArray[np.int64]:
        """See Problem."""
        return self.targets(examples)[0].reshape(-1)

    def predictions(self, examples: Sequence[Text], probabilities: _Probabilities) -> Plain:
        """See Problem."""
        return metrics.single_predictions(examples, probabilities[:, 0], self.classes)

    def answer_of(self, prediction: Plain) -> str:
        """See Problem: the label."""
        return str(prediction["label"])

    def scores(self, examples: Sequence[Text], predictions: Plain, resamples: int, seed: int) -> Scores:
        """See Problem."""
        return metrics.single_scores(examples, predictions, self.classes, resamples, seed)


@dataclass(frozen=True)
class SeveralLabels:
    """See Problem."""

    classes: Sequence[str]
    class_weights: ClassWeights
    threshold: float
    outcomes: int = 2

    def targets(self, examples: Sequence[Text]) -> Targets:
        """See Problem."""
        gold = gold_outcomes(examples, self.classes, several=True)
        return gold, weights(gold, self.classes, self.class_weights, several=True)

    def translated(
        self, logits: Logits, id2label: Mapping[int, str], label_map: Mapping[str, str | None] | None
    ) -> Logits:
        """See Problem: of classes that mean the same label the likeliest counts."""
        meant = translation(id2label, self.classes, label_map)
        return list(translated(_rows(logits, len(meant)), meant, len(self.classes), exclusive=False))

    def write(self, logits: _Floats) -> Signals:
        """See Problem."""
        return write_several(logits)

    def gold(self, examples: Sequence[Text]) -> NDArray[np.int64]:
        """See Problem."""
        return self.targets(examples)[0].reshape(-1)

    def predictions(self, examples: Sequence[Text], probabilities: _Probabilities) -> Plain:
        """See Problem."""
        return metrics.several_predictions(examples, probabilities[:, :, YES], self.classes, self.threshold)

    def answer_of(self, prediction: Plain) -> tuple[str, ...]:
        """See Problem: all labels given."""
        return tuple(prediction["labels"])

    def scores(self, examples: Sequence[Text], predictions: Plain, resamples: int, seed: int) -> Scores:
        """See Problem."""
        return metrics.several_scores(examples, predictions, self.classes, resamples, seed)


@dataclass(frozen=True)
class Number:
    """See Problem. A number is its share of the way from low to high, and a distribution over both ends has it as its mean."""

    low: float
    high: float
    classes: Sequence[str] = (VALUE,)
    outcomes: int = 2

    def targets(self, examples: Sequence[Text]) -> Targets:
        """See Problem: a row for each end, which together are the cross-entropy with the share."""
        return ends(examples, self.low, self.high)

    def translated(
        self, logits: Logits, id2label: Mapping[int, str], label_map: Mapping[str, str | None] | None
    ) -> Logits:
        """See Problem: what a head gives that is not called as distil calls it is the number itself."""
        return numbers_as_logits(logits, id2label, self.low, self.high)

    def write(self, logits: _Floats) -> Signals:
        """See Problem."""
        return write_several(logits)

    def gold(self, examples: Sequence[Text]) -> NDArray[np.int64]:
        """See Problem: the nearer end."""
        return np.where(self.targets(examples)[1][:, 0] < 0.5, NO, YES)

    def predictions(self, examples: Sequence[Text], probabilities: _Probabilities) -> Plain:
        """See Problem."""
        return metrics.number_predictions(examples, probabilities[:, 0, YES], self.low, self.high)

    def answer_of(self, prediction: Plain) -> str:
        """See Problem: to a thousandth of the way from low to high."""
        return f"{(prediction['value'] - self.low) / (self.high - self.low):.3f}"

    def scores(self, examples: Sequence[Text], predictions: Plain, resamples: int, seed: int) -> Scores:
        """See Problem."""
        return metrics.number_scores(examples, predictions, resamples, seed)


def problem_for(task: "ClassificationSettings") -> Problem:
    """Raises ModelError for a task that does not say which labels, or numbers, there are."""
    if task.problem_type == "regression":
        if task.range is None:
            raise ModelError("the task does not say which numbers there are; give task.range")
        return Number(task.range[0], task.range[1])
    if task.labels is None:
        raise ModelError("the task does not say which labels there are; name them in task.labels")
    if task.problem_type == "multi_label":
        return SeveralLabels(task.labels, task.class_weights, task.threshold)
    return SingleLabel(task.labels, task.class_weights)


def _rows(logits: Logits, classes: int) -> NDArray[np.float32]:
    """All of them in one, [N, classes]."""
    return np.stack([*logits, np.zeros(classes, np.float32)])[:-1]
