"""What a tagger is trained on: the gold tag of every unit, and what teachers think of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from distil.framework.losses.base import Rows
from distil.framework.segments import Ints, owners, taken
from distil.framework.signals.algebra import to_dense
from distil.framework.signals.source import SignalSource
from distil.framework.tasks.tagging.example import Tagged
from distil.framework.tasks.tagging.features import UnitRows
from distil.framework.training.items import ExampleSignals, example_signals

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class UnitItems:
    """See Items. gold: int64 [U], -1 if unlabelled; shown: numbers of the units that have a token, by their row; of_rows:
    [N + 1], row r owns shown[of_rows[r] : of_rows[r + 1]]; weight: of each unit in its item's loss, one for all; signals: of the
    examples, None where no loss reads them."""

    features: UnitRows
    pad_id: int
    gold: Ints
    shown: Ints
    of_rows: Ints
    weight: float
    outcomes: int
    signals: ExampleSignals | None

    def prefetch(self, batches: Sequence[NDArray[np.int64]]) -> None:
        """See Items."""
        if self.signals is not None:
            self.signals.prefetch(batches)

    def targets(self, rows: NDArray[np.int64], counts: bool, choice: int) -> "UnitTargets":
        """See Items."""
        import torch

        at, of_rows = taken(self.of_rows, rows)
        units, item = self.shown[at], owners(of_rows)
        return UnitTargets(
            weight=torch.full((len(rows),), float(counts)),
            item=torch.from_numpy(item),
            place=torch.from_numpy(self.features.place[units].astype(np.int64)),
            gold=torch.from_numpy(self.gold[units]),
            unit_weight=torch.full((len(units),), self.weight * counts),
            signals=self._taught(units, self.features.example[rows][item], choice),
        )

    def _taught(self, units: Ints, owner: NDArray[np.int32], choice: int) -> "dict[float, Tensor]":
        """owner: of each unit its example. By temperature [R, L]"""
        import torch

        if self.signals is None:
            return {}
        asked, place = np.unique(owner, return_inverse=True)
        taught = {}
        for temperature, signals in self.signals.read(asked, choice).items():
            heads = signals.heads[place] + units - self.features.units[owner]
            taught[temperature] = torch.from_numpy(to_dense(signals, self.outcomes)[heads])
        return taught


@dataclass(frozen=True)
class UnitTargets:
    """See Targets, of R units in B items. item, place, gold: int64 [R]; unit_weight: float32 [R]; signals: float32 [R, L] by
    temperature."""

    weight: "Tensor"
    item: "Tensor"
    place: "Tensor"
    gold: "Tensor"
    unit_weight: "Tensor"
    signals: Mapping[float, "Tensor"]

    def rows(self, logits: "Tensor") -> Rows:
        """See Targets: a row for each unit. logits: [B, L, tokens]"""
        import torch

        of_units = logits[self.item, :, self.place].float()
        return Rows(
            logits=of_units,
            mask=torch.ones_like(of_units, dtype=torch.bool),
            label=self.gold,
            weight=self.unit_weight,
            item=self.item,
            items=len(self.weight),
            signals=self.signals,
        )


def unit_items(
    examples: Sequence[Tagged],
    features: UnitRows,
    pad_id: int,
    gold: Ints,
    outcomes: int,
    source: SignalSource | None,
    temperatures: Sequence[float],
    eager: bool,
) -> UnitItems:
    """Items of all rows. A unit weighs 1 / (mean units of a row), so that an item's loss is a unit's on average."""
    shown = np.flatnonzero(features.row >= 0)
    shown = shown[np.argsort(features.row[shown], kind="stable")]
    of_rows = np.searchsorted(features.row[shown], np.arange(len(features) + 1)).astype(np.int64)
    weight = len(features) / max(len(shown), 1)
    signals = example_signals(examples, features, source, temperatures, eager)
    return UnitItems(features, pad_id, gold, shown, of_rows, weight, outcomes, signals)
