"""What windows are trained towards, and how their logits become rows for the losses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from framework.losses.base import Rows
from framework.segments import owners
from framework.signals.algebra import Signals
from framework.tasks.span_qa.windows import Windows
from framework.training.items import WindowSignals, token_places

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class HeadTargets:
    """Targets of every head (start and end: H = 2) of a batch of B windows, padded to L tokens.

    mask: bool [B, L]; position: int64 [B, H]; weight: float32 [B], 0 for a row that only fills up a batch;
    signals: for each temperature float32 [B, H, L].
    """

    mask: "Tensor"
    position: "Tensor"
    weight: "Tensor"
    signals: Mapping[float, "Tensor"]

    def to(self, device: "torch.device") -> "HeadTargets":
        """The same targets on `device`."""
        signals = {temperature: signal.to(device) for temperature, signal in self.signals.items()}
        return HeadTargets(self.mask.to(device), self.position.to(device), self.weight.to(device), signals)

    def rows(self, logits: "Tensor") -> Rows:
        """See Targets: each head of a window is a row, and a window's loss is the mean over its heads."""
        import torch

        batch, heads, length = logits.shape
        mask = self.mask.repeat_interleave(heads, dim=0)
        return Rows(
            logits=logits.float().reshape(batch * heads, length).masked_fill(~mask, -1e30),
            mask=mask,
            label=self.position.reshape(batch * heads),
            weight=self.weight.repeat_interleave(heads) / heads,
            item=torch.arange(batch, device=logits.device).repeat_interleave(heads),
            items=batch,
            signals={temperature: signal.flatten(0, 1) for temperature, signal in self.signals.items()},
        )


@dataclass(frozen=True)
class TrainingItems:
    """See Items: N windows with their targets. positions: int32 [N, H], gold tokens, -1 where there is no label."""

    features: Windows
    positions: NDArray[np.int32]
    signals: WindowSignals | None
    pad_id: int

    def with_signals(self, signals: WindowSignals | None) -> "TrainingItems":
        """See SignalItems."""
        return replace(self, signals=signals)

    def prefetch(self, batches: Sequence[NDArray[np.int64]]) -> None:
        """See Items."""
        if self.signals is not None:
            self.signals.prefetch(batches)

    def targets(self, rows: NDArray[np.int64], counts: bool, choice: int) -> HeadTargets:
        """See Items."""
        import torch

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
