"""What a student or teacher is trained on: windows, gold positions, and signals read at each loss's temperature."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from framework.data.features import Features
from framework.data.windows import Windows
from framework.segments import owners
from framework.signals.algebra import Signals

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from framework.losses.base import Rows
    from framework.losses.total import HeadTargets


class Targets(Protocol):
    """What a batch of B items should become. weight: float32 [B], 0 for an item that only fills up the batch."""

    @property
    def weight(self) -> "Tensor":
        """Of each item's loss in the batch's. [B]"""

    def to(self, device: "torch.device") -> Self:
        """The same targets on `device`."""

    def rows(self, logits: "Tensor") -> "Rows":
        """A model's logits on the batch as rows, each with what it should become."""


class Items(Protocol):
    """N items that a model is trained on, one a row of `features`. Carried to other processes, so plain data.

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


@dataclass(frozen=True)
class EagerSignals:
    """Signals read beforehand: for each temperature every alternative, for all windows."""

    columns: Mapping[float, Sequence[Signals]]

    def prefetch(self, batches: Sequence[NDArray[np.int64]]) -> None:
        """See WindowSignals; nothing has to be fetched."""

    def read(self, rows: NDArray[np.int64], choice: int) -> Mapping[float, Signals]:
        """See WindowSignals."""
        return {t: alternatives[choice % len(alternatives)].take(rows) for t, alternatives in self.columns.items()}


@dataclass(frozen=True)
class TrainingItems:
    """See Items: N windows with their targets. positions: int32 [N, H], gold tokens, -1 where there is no label."""

    features: Windows
    positions: NDArray[np.int32]
    signals: WindowSignals | None
    pad_id: int

    def prefetch(self, batches: Sequence[NDArray[np.int64]]) -> None:
        """See Items."""
        if self.signals is not None:
            self.signals.prefetch(batches)

    def targets(self, rows: NDArray[np.int64], counts: bool, choice: int) -> "HeadTargets":
        """See Items."""
        import torch

        from framework.losses.total import HeadTargets

        windows = self.features
        lengths = windows.lengths[rows]
        inside = np.arange(int(lengths.max())) < lengths[:, None]
        support = windows.support[token_places(windows, rows, inside)] & inside
        mask = support.copy()
        mask[np.arange(len(rows)), windows.null[rows]] = True
        signals = self.signals.read(rows, choice) if self.signals is not None else {}
        return HeadTargets(
            mask=torch.from_numpy(mask),
            position=torch.from_numpy(self.positions[rows].astype(np.int64)),
            weight=torch.full((len(rows),), float(counts)),
            signals={temperature: _dense(found, support) for temperature, found in signals.items()},
        )


def model_inputs(
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


def _dense(signals: Signals, support: NDArray[np.bool_]) -> "Tensor":
    """Probabilities float32 [B, H, L], where every window has the same number of heads."""
    import torch

    heads, length = len(signals.rows) - 1, support.shape[1]
    cells = owners(signals.rows) * length + signals.keys
    mass = np.bincount(cells, np.exp(signals.log_p.astype(np.float64)), heads * length).reshape(heads, length)
    named = np.zeros(heads * length, bool)
    named[cells] = True
    free = np.repeat(support, heads // len(support), axis=0) & ~named.reshape(heads, length)
    each = np.exp(signals.tail.astype(np.float64)) / np.maximum(free.sum(-1), 1)
    mass += free * each[:, None]
    return torch.from_numpy(mass.astype(np.float32).reshape(len(support), -1, length))


def token_places(features: Features, rows: NDArray[np.int64], inside: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Places in the token columns, [B, L]; 0 where there is only padding."""
    return np.where(inside, features.rows[rows][:, None] + np.arange(inside.shape[1]), 0)


def to_device(values: "dict[str, Tensor]", device: "torch.device") -> "dict[str, Tensor]":
    """Move every tensor to `device`, in the background where that is possible."""
    return {name: value.to(device, non_blocking=True) for name, value in values.items()}
