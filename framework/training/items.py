"""What a student or teacher is trained on: windows, gold positions, and signals read at each loss's temperature."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from framework.data.features import Features
from framework.data.windows import Windows

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

    def announce(self, batches: Sequence[NDArray[np.int64]]) -> None:
        """Say which items will be asked for, in this order."""

    def targets(self, rows: NDArray[np.int64], counts: bool, choice: int) -> Targets:
        """Of the items `rows`; with `counts` false they weigh nothing. choice: of A alternative signals the one numbered so
        modulo A."""


@dataclass(frozen=True)
class ReadSignals:
    """Signals of N windows in the windows' own tokens, for H heads, at one temperature.

    places: int32 [N, H, K], tokens of the window (one named twice adds up; mass 0 fills up); mass: float32 [N, H, K];
    tail: float32 [N, H], to be spread evenly over the tokens of the support that `places` does not name.
    """

    places: NDArray[np.int32]
    mass: NDArray[np.float32]
    tail: NDArray[np.float32]

    def of(self, rows: NDArray[np.int64]) -> "ReadSignals":
        """Those of some windows."""
        return ReadSignals(self.places[rows], self.mass[rows], self.tail[rows])


class WindowSignals(Protocol):
    """Signals of the windows: read beforehand, or as they come in."""

    def announce(self, batches: Sequence[NDArray[np.int64]]) -> None:
        """Say which windows will be asked for, in this order."""

    def read(self, rows: NDArray[np.int64], choice: int) -> Mapping[float, ReadSignals]:
        """Those of the windows `rows` by temperature; of A alternatives the one numbered `choice` modulo A."""


@dataclass(frozen=True)
class SignalsAtHand:
    """Signals read beforehand: for each temperature every alternative, for all windows."""

    columns: Mapping[float, Sequence[ReadSignals]]

    def announce(self, batches: Sequence[NDArray[np.int64]]) -> None:
        """See WindowSignals; nothing has to be fetched."""

    def read(self, rows: NDArray[np.int64], choice: int) -> Mapping[float, ReadSignals]:
        """See WindowSignals."""
        return {t: alternatives[choice % len(alternatives)].of(rows) for t, alternatives in self.columns.items()}


@dataclass(frozen=True)
class TrainingItems:
    """See Items: N windows with their targets. positions: int32 [N, H], gold tokens, -1 where there is no label."""

    features: Windows
    positions: NDArray[np.int32]
    signals: WindowSignals | None
    pad_id: int

    def announce(self, batches: Sequence[NDArray[np.int64]]) -> None:
        """See Items."""
        if self.signals is not None:
            self.signals.announce(batches)

    def targets(self, rows: NDArray[np.int64], counts: bool, choice: int) -> "HeadTargets":
        """See Items."""
        import torch

        from framework.losses.total import HeadTargets

        windows = self.features
        lengths = windows.lengths[rows]
        inside = np.arange(int(lengths.max())) < lengths[:, None]
        support = torch.from_numpy(windows.support[token_places(windows, rows, inside)] & inside)
        mask = support.clone()
        mask[torch.arange(len(rows)), torch.from_numpy(windows.null[rows].astype(np.int64))] = True
        signals = self.signals.read(rows, choice) if self.signals is not None else {}
        return HeadTargets(
            mask=mask,
            position=torch.from_numpy(self.positions[rows].astype(np.int64)),
            weight=torch.full((len(rows),), float(counts)),
            signals={temperature: _dense(columns, support) for temperature, columns in signals.items()},
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


def _dense(signals: ReadSignals, support: "Tensor") -> "Tensor":
    """Probabilities float32 [B, H, L]."""
    import torch

    places = torch.from_numpy(signals.places.astype(np.int64))
    shape = (*places.shape[:2], support.shape[1])
    result = torch.zeros(shape).scatter_add_(2, places, torch.from_numpy(signals.mass))
    named = torch.zeros(shape, dtype=torch.bool).scatter_(2, places, True)
    free = support.unsqueeze(1) & ~named
    each = torch.from_numpy(signals.tail).unsqueeze(-1) / free.sum(-1, keepdim=True).clamp_min(1)
    return result.addcmul_(free, each)


def token_places(features: Features, rows: NDArray[np.int64], inside: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Places in the token columns, [B, L]; 0 where there is only padding."""
    return np.where(inside, features.rows[rows][:, None] + np.arange(inside.shape[1]), 0)


def to_device(values: "dict[str, Tensor]", device: "torch.device") -> "dict[str, Tensor]":
    """Move every tensor to `device`, in the background where that is possible."""
    return {name: value.to(device, non_blocking=True) for name, value in values.items()}
