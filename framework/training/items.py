"""What a student or teacher is trained on: windows, gold positions, and signals read at each loss's temperature."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from distil.framework.data.example import Example
from distil.framework.data.features import Features
from distil.framework.device import device_kind
from distil.framework.signals.algebra import Signals
from distil.framework.signals.source import SignalSource

if TYPE_CHECKING:
    from torch import Tensor

    from distil.framework.losses.base import Rows


class Targets(Protocol):
    """What a batch of B items should become: a dataclass of tensors. weight: float32 [B], 0 for an item that only fills up the
    batch."""

    @property
    def weight(self) -> "Tensor":
        """Of each item's loss in the batch's. [B]"""

    def rows(self, logits: "Tensor") -> "Rows":
        """A model's logits on the batch as rows, each with what it should become."""


@runtime_checkable
class AtTokens(Protocol):
    """Targets that look at the logits of some tokens of a batch alone, of which there need be no others."""

    @property
    def token_weight(self) -> "Tensor":
        """Of each in its item's loss; 0 in a batch that only fills up. float32 []"""

    @property
    def tokens(self) -> "Tensor":
        """Their numbers among all B · L tokens. int64 [M]"""


class Items(Protocol):
    """N items that a model is trained on, one a row of `features`. Pickled to other processes, so plain data.

    pad_id: the token that fills up a batch.
    """

    @property
    def features(self) -> Features:
        """What the model reads."""

    @property
    def pad_id(self) -> int:
        """The token that fills up a batch."""

    def prefetch(self, batches: Sequence[NDArray[np.int64]]) -> None:
        """Say which items will be asked for, in this order."""

    def targets(self, rows: NDArray[np.int64], counts: bool, choice: int) -> Targets:
        """Of the items `rows`; with `counts` false they weigh nothing. choice: of A alternative signals the one numbered so
        modulo A."""


class WindowSignals(Protocol):
    """Signals of the windows, one an example: read beforehand, or as they come in.

    Their outcomes are places of tokens in the window; one named twice adds up. A tail is to be spread evenly over those tokens
    of the support that have no entry.
    """

    def prefetch(self, batches: Sequence[NDArray[np.int64]]) -> None:
        """Say which windows will be asked for, in this order."""

    def read(self, rows: NDArray[np.int64], choice: int) -> Mapping[float, Signals]:
        """Those of the windows `rows` by temperature; of A alternatives the one numbered `choice` modulo A."""


@runtime_checkable
class SignalItems(Items, Protocol):
    """Items whose signals stand apart, so that they can be kept in the store as they were read."""

    @property
    def signals(self) -> WindowSignals | None:
        """Of its rows."""

    def with_signals(self, signals: WindowSignals | None) -> Self:
        """The same items with other signals."""


@dataclass(frozen=True)
class EagerSignals:
    """Signals read beforehand: for each temperature every alternative, for all windows."""

    columns: Mapping[float, Sequence[Signals]]

    def prefetch(self, batches: Sequence[NDArray[np.int64]]) -> None:
        """See WindowSignals; nothing has to be fetched."""

    def read(self, rows: NDArray[np.integer], choice: int) -> Mapping[float, Signals]:
        """See WindowSignals."""
        return {t: alternatives[choice % len(alternatives)].take(rows) for t, alternatives in self.columns.items()}


@dataclass(frozen=True)
class ExampleSignals:
    """Signals of examples, of which every row shows one: read beforehand (`known`), or as they come in. of_rows: [N], the number of each
    row's example."""

    examples: Sequence[Example]
    of_rows: NDArray[np.integer]
    source: SignalSource
    temperatures: tuple[float, ...]
    known: EagerSignals | None

    def prefetch(self, batches: Sequence[NDArray[np.int64]]) -> None:
        """Say which rows will be asked for, in this order."""
        if self.known is None:
            self.source.prefetch([[self.examples[number] for number in self.of_rows[rows]] for rows in batches])

    def read(self, numbers: NDArray[np.integer], choice: int) -> Mapping[float, Signals]:
        """Those of the examples with these numbers by temperature; of A alternatives the one numbered `choice` modulo A."""
        if self.known is not None:
            return self.known.read(numbers, choice)
        found = self.source.signals([self.examples[number] for number in numbers], self.temperatures)
        return {t: alternatives[choice % len(alternatives)] for t, alternatives in found.items()}


def example_signals(
    examples: Sequence[Example],
    features: Features,
    source: SignalSource | None,
    temperatures: Sequence[float],
    eager: bool,
) -> ExampleSignals | None:
    """What teachers think of the examples at each temperature; None where no loss reads it. eager: it is read now."""
    if source is None or not temperatures:
        return None
    known = EagerSignals(source.signals(examples, temperatures)) if eager else None
    return ExampleSignals(examples, features.example, source, tuple(temperatures), known)


_SHORT = 64  # tokens
_STEP, _SHORT_STEP = 32, 8


def batch_length(features: Features, rows: NDArray[np.int64]) -> int:
    """Tokens to which the `rows` of a training batch are padded: the longest's, on a GPU rounded up, so that shapes are few."""
    longest = int(features.lengths[rows].max())
    if device_kind() == "cpu":
        return longest
    step = _STEP if longest > _SHORT else _SHORT_STEP
    return min(-(-longest // step) * step, int(features.lengths.max()))


def model_inputs(
    features: Features, rows: NDArray[np.int64], pad_id: int, length: int | None = None
) -> "dict[str, Tensor]":
    """What a model reads of the `rows`, padded to `length`, by default the longest's: see row_inputs, unless the features say themselves."""
    if isinstance(features, OwnInputs):
        return features.inputs(rows, pad_id, length)
    return row_inputs(features, rows, pad_id, length)


@runtime_checkable
class OwnInputs(Protocol):
    """Features that a model reads otherwise than as rows of tokens."""

    def inputs(self, rows: NDArray[np.int64], pad_id: int, length: int | None) -> "dict[str, Tensor]":
        """See model_inputs."""


def row_inputs(
    features: Features, rows: NDArray[np.int64], pad_id: int, length: int | None = None
) -> "dict[str, Tensor]":
    """The `rows` padded to `length`, by default the longest's: input_ids, attention_mask and, if any,
    token_type_ids, int64 [B, L]."""
    import torch

    lengths = features.lengths[rows]
    inside = np.arange(length or int(lengths.max())) < lengths[:, None]
    places = token_places(features, rows, inside)
    inputs = {
        "input_ids": np.where(inside, features.input_ids[places], pad_id),
        "attention_mask": inside,
    }
    if features.token_types is not None:
        inputs["token_type_ids"] = np.where(inside, features.token_types[places], 0)
    return {name: torch.from_numpy(values.astype(np.int64)) for name, values in inputs.items()}


def token_places(features: Features, rows: NDArray[np.int64], inside: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Places in the token columns, [B, L]; 0 where there is only padding."""
    return np.where(inside, features.rows[rows][:, None] + np.arange(inside.shape[1]), 0)
