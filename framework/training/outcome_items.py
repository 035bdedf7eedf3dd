"""Items of tasks whose outcomes are few and the same for every tokenizer, such as labels or candidates: the gold outcome of
every head, and what teachers think of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from distil.framework.data.example import Example
from distil.framework.data.features import Features
from distil.framework.losses.base import Rows
from distil.framework.signals.algebra import Signals, to_dense
from distil.framework.signals.source import SignalSource
from distil.framework.training.items import ExampleSignals, example_signals

if TYPE_CHECKING:
    from torch import Tensor

_Probabilities = NDArray[np.float32]  # [E, H, L]


@dataclass(frozen=True)
class OutcomeItems:
    """See Items. gold: int64 [E, H], the outcome of each head of an example, -1 if unlabelled; weight: float32 [E, H];
    outcomes: L of each head; signals: of the examples, None where no loss reads them; places: int64 [N, L], the token of a row at which a model gives each outcome's logit, -1 where the row does not show it; None of a model
    that gives one logit for an outcome of the row as a whole."""

    features: Features
    pad_id: int
    gold: NDArray[np.int64]
    weight: NDArray[np.float32]
    outcomes: int
    signals: ExampleSignals | None
    places: NDArray[np.int64] | None = None

    def prefetch(self, batches: Sequence[NDArray[np.int64]]) -> None:
        """See Items."""
        if self.signals is not None:
            self.signals.prefetch(batches)

    def targets(self, rows: NDArray[np.int64], counts: bool, choice: int) -> "OutcomeTargets":
        """See Items."""
        import torch

        numbers = self.features.example[rows]
        read = self.signals.read(numbers, choice) if self.signals is not None else {}
        gold, places = self.gold[numbers], None if self.places is None else self.places[rows]
        shown = None if places is None else places >= 0
        signals = {t: _dense(found, self.outcomes, shown) for t, found in read.items()}
        if shown is not None:
            gold = np.where((gold >= 0) & np.take_along_axis(shown, np.maximum(gold, 0), axis=1), gold, -1)
            signals = {t: _within(signal, shown[:, None]) for t, signal in signals.items()}
        return OutcomeTargets(
            weight=torch.full((len(rows),), float(counts)),
            gold=torch.from_numpy(gold),
            head_weight=torch.from_numpy(self.weight[numbers] * np.float32(counts)),
            signals={t: torch.from_numpy(signal) for t, signal in signals.items()},
            places=None if places is None else torch.from_numpy(places),
        )


@dataclass(frozen=True)
class OutcomeTargets:
    """See Targets. gold: int64 [B, H]; head_weight: float32 [B, H]; signals: float32 [B, H, L] by temperature;
    places: as in OutcomeItems, of the batch's rows."""

    weight: "Tensor"
    gold: "Tensor"
    head_weight: "Tensor"
    signals: Mapping[float, "Tensor"]
    places: "Tensor | None" = None

    def rows(self, logits: "Tensor") -> Rows:
        """See Targets. logits: [B, K], of which a single head has K outcomes, and several heads each one of no and yes, with
        its own logit or all with one; or with `places` [B, 1, tokens]."""
        import torch

        batch, heads = self.gold.shape
        logits = logits.float()
        shown = None if self.places is None else self.places >= 0
        if self.places is not None:
            flat = logits[:, 0].gather(1, self.places.clamp(min=0)).masked_fill(self.places < 0, -1e30)
        elif heads > 1:
            each = logits.expand(batch, heads)
            flat = torch.stack([torch.zeros_like(each), each], -1).reshape(batch * heads, 2)
        else:
            flat = logits
        return Rows(
            logits=flat,
            mask=torch.ones_like(flat, dtype=torch.bool) if shown is None else shown,
            label=self.gold.reshape(-1),
            weight=self.head_weight.reshape(-1),
            item=torch.arange(batch, device=flat.device).repeat_interleave(heads),
            items=batch,
            signals={t: signal.expand(batch, heads, -1).flatten(0, 1) for t, signal in self.signals.items()},
        )


def outcome_items(
    examples: Sequence[Example],
    features: Features,
    pad_id: int,
    gold: NDArray[np.int64],
    weight: NDArray[np.float32],
    outcomes: int,
    source: SignalSource | None,
    temperatures: Sequence[float],
    eager: bool,
    places: NDArray[np.int64] | None = None,
) -> OutcomeItems:
    """Items of all rows, of which those of one example share its weight.

    gold: int64 [E, H], -1 if unlabelled; weight: float32 [E, H]; outcomes: L of each head; places: see OutcomeItems.
    """
    shown = np.maximum(np.bincount(features.example, minlength=len(examples)), 1)
    weight = (weight / shown[:, None]).astype(np.float32)
    signals = example_signals(examples, features, source, temperatures, eager)
    return OutcomeItems(features, pad_id, gold, weight, outcomes, signals, places)


def _dense(signals: Signals, outcomes: int, shown: NDArray[np.bool_] | None) -> _Probabilities:
    """Of examples that have as many heads each. shown: bool [E, L], the outcomes that a row shows, among which a tail is shared out."""
    there = None if shown is None else np.repeat(shown, np.diff(signals.heads), axis=0)
    return to_dense(signals, outcomes, there).reshape(len(signals), -1, outcomes)


def _within(signal: _Probabilities, shown: NDArray[np.bool_]) -> _Probabilities:
    """Without the outcomes that a row does not show, scaled to 1 again; of nothing, nothing. shown: [B, 1, L]."""
    mass = np.where(shown, signal, 0)
    total = mass.sum(-1, keepdims=True)
    even = (signal.sum(-1, keepdims=True) > 0) * shown / np.maximum(shown.sum(-1, keepdims=True), 1)
    scaled: _Probabilities = np.where(total > 0, mass / np.where(total > 0, total, 1), even).astype(np.float32)
    return scaled
