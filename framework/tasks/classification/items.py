"""What a classifier is trained on: the gold outcome of every head, and what teachers think of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from framework.data.features import Features
from framework.losses.base import Rows
from framework.signals.source import SignalSource
from framework.tasks.classification.data import Text
from framework.tasks.classification.signal import probabilities

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_Probabilities = NDArray[np.float32]  # [E, H, L]


@dataclass(frozen=True)
class TextItems:
    """See Items. gold: int64 [E, H], the outcome of each head of an example, -1 if unlabelled; weight: float32 [E, H];
    outcomes: L of each head; preloaded: what was read beforehand, by temperature every alternative, or else None."""

    features: Features
    pad_id: int
    examples: Sequence[Text]
    gold: NDArray[np.int64]
    weight: NDArray[np.float32]
    outcomes: int
    source: SignalSource | None
    temperatures: Sequence[float]
    preloaded: Mapping[float, Sequence[_Probabilities]] | None

    def prefetch(self, batches: Sequence[NDArray[np.int64]]) -> None:
        """See Items."""
        if self.source is not None and self.preloaded is None:
            self.source.prefetch(
                [[self.examples[number] for number in self.features.example[rows]] for rows in batches]
            )

    def targets(self, rows: NDArray[np.int64], counts: bool, choice: int) -> "TextTargets":
        """See Items."""
        import torch

        numbers = self.features.example[rows]
        return TextTargets(
            weight=torch.full((len(rows),), float(counts)),
            gold=torch.from_numpy(self.gold[numbers]),
            head_weight=torch.from_numpy(self.weight[numbers] * np.float32(counts)),
            signals={t: torch.from_numpy(self._taught(numbers, t, choice)) for t in self.temperatures},
        )

    def _taught(self, numbers: NDArray[np.int32], temperature: float, choice: int) -> _Probabilities:
        if self.preloaded is not None:
            alternatives = self.preloaded[temperature]
            return alternatives[choice % len(alternatives)][numbers]
        assert self.source is not None
        coming = self.source.signals([self.examples[number] for number in numbers], [temperature])[temperature]
        return probabilities(coming[choice % len(coming)], self.outcomes, len(numbers))


@dataclass(frozen=True)
class TextTargets:
    """See Targets. gold: int64 [B, H]; head_weight: float32 [B, H]; signals: float32 [B, H, L] by temperature."""

    weight: "Tensor"
    gold: "Tensor"
    head_weight: "Tensor"
    signals: Mapping[float, "Tensor"]

    def to(self, device: "torch.device") -> "TextTargets":
        """See Targets."""
        signals = {t: signal.to(device, non_blocking=True) for t, signal in self.signals.items()}
        return TextTargets(self.weight.to(device), self.gold.to(device), self.head_weight.to(device), signals)

    def rows(self, logits: "Tensor") -> Rows:
        """See Targets. logits: [B, K]; of a single label a row has K outcomes, of several labels each a row of no and yes, as
        a number has one for each end."""
        import torch

        batch, heads = self.gold.shape
        logits = logits.float()
        if heads > 1:
            each = logits.expand(batch, heads)
            flat = torch.stack([torch.zeros_like(each), each], -1).reshape(batch * heads, 2)
        else:
            flat = logits
        return Rows(
            logits=flat,
            mask=torch.ones_like(flat, dtype=torch.bool),
            label=self.gold.reshape(-1),
            weight=self.head_weight.reshape(-1),
            item=torch.arange(batch, device=flat.device).repeat_interleave(heads),
            items=batch,
            signals={t: signal.expand(batch, heads, -1).flatten(0, 1) for t, signal in self.signals.items()},
        )


def text_items(
    examples: Sequence[Text],
    features: Features,
    pad_id: int,
    gold: NDArray[np.int64],
    weight: NDArray[np.float32],
    outcomes: int,
    source: SignalSource | None,
    temperatures: Sequence[float],
    eager: bool,
) -> TextItems:
    """Items of all rows. Those that show parts of one text share its weight."""
    shown = np.maximum(np.bincount(features.example, minlength=len(examples)), 1)
    weight = (weight / shown[:, None]).astype(np.float32)
    wanted = tuple(temperatures) if source is not None else ()
    known = None
    if eager and source is not None:
        known = {
            t: [probabilities(signals, outcomes, len(examples)) for signals in alternatives]
            for t, alternatives in source.signals(examples, wanted).items()
        }
    return TextItems(features, pad_id, examples, gold, weight, outcomes, source, wanted, known)
