"""What a student or teacher is trained on: windows, gold positions, and signals read at each loss's temperature."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from framework.data.windows import Windows

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from framework.losses.total import HeadTargets


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
    """N windows with their targets. positions: int32 [N, H], gold tokens, -1 where there is no label."""

    windows: Windows
    positions: NDArray[np.int32]
    signals: WindowSignals | None
    pad_id: int


def model_inputs(
    windows: Windows, rows: NDArray[np.int64], pad_id: int, length: int | None = None
) -> "dict[str, Tensor]":
    """The windows `rows` padded to `length`, by default the longest's: input_ids, attention_mask and, if any,
    token_type_ids, int64 [B, L]."""
    import torch

    lengths = windows.lengths[rows]
    inside = np.arange(length or int(lengths.max())) < lengths[:, None]
    places = _token_places(windows, rows, inside)
    inputs = {
        "input_ids": np.where(inside, windows.input_ids[places], pad_id),
        "attention_mask": inside,
    }
    if windows.token_types is not None:
        inputs["token_type_ids"] = np.where(inside, windows.token_types[places], 0)
    return {name: torch.from_numpy(values.astype(np.int64)) for name, values in inputs.items()}


def batch_targets(items: TrainingItems, rows: NDArray[np.int64], counts: bool, choice: int) -> "HeadTargets":
    """The targets of the windows `rows`; with `counts` false they weigh nothing. choice: of alternative signals."""
    import torch

    from framework.losses.total import HeadTargets

    windows = items.windows
    lengths = windows.lengths[rows]
    inside = np.arange(int(lengths.max())) < lengths[:, None]
    support = torch.from_numpy(windows.support[_token_places(windows, rows, inside)] & inside)
    mask = support.clone()
    mask[torch.arange(len(rows)), torch.from_numpy(windows.null[rows].astype(np.int64))] = True
    signals = items.signals.read(rows, choice) if items.signals is not None else {}
    return HeadTargets(
        mask=mask,
        position=torch.from_numpy(items.positions[rows].astype(np.int64)),
        weight=torch.full((len(rows),), float(counts)),
        signals={temperature: _dense(columns, support) for temperature, columns in signals.items()},
    )


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


def _token_places(windows: Windows, rows: NDArray[np.int64], inside: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Places in the token columns, [B, L]; 0 where there is only padding."""
    return np.where(inside, windows.rows[rows][:, None] + np.arange(inside.shape[1]), 0)


def to_device(values: "dict[str, Tensor]", device: "torch.device") -> "dict[str, Tensor]":
    """Move every tensor to `device`, in the background where that is possible."""
    return {name: value.to(device, non_blocking=True) for name, value in values.items()}
