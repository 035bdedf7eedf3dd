"""What a student of texts is trained on: tokens, and what teachers think of the units and the first bytes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from distil.framework.losses.base import Rows
from distil.framework.models.head_rows import taken_at
from distil.framework.signals.algebra import Signals, to_dense
from distil.framework.signals.source import SignalSource
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.features import TextRows
from distil.framework.tasks.text.probabilities import FirstBytes, Places, UnitLogits, places_of
from distil.framework.tasks.text.signal import heads_of
from distil.framework.tasks.text.token_bytes import OUTCOMES
from distil.framework.training.items import batch_length

if TYPE_CHECKING:
    from torch import Tensor

UNITS, LABELS = "units", "labels"  # rows beside those of first bytes


@dataclass(frozen=True)
class TextItems:
    """See Items: one an example. token_weight, boundary_weight: of each one in its item's loss, the same for all; preloaded: what was
    read beforehand, by temperature every alternative, or else None."""

    features: TextRows
    pad_id: int
    examples: Sequence[Written]
    token_weight: float
    boundary_weight: float
    source: SignalSource | None
    temperatures: Sequence[float]
    preloaded: Mapping[float, Sequence[Signals]] | None

    def prefetch(self, batches: Sequence[NDArray[np.int64]]) -> None:
        """See Items."""
        if self.source is not None and self.preloaded is None:
            self.source.prefetch([[self.examples[number] for number in rows] for rows in batches])

    def targets(self, rows: NDArray[np.int64], counts: bool, choice: int) -> "TextTargets":
        """See Items."""
        import torch

        places = places_of(self.features, rows, batch_length(self.features, rows))
        return TextTargets(
            weight=torch.full((len(rows),), float(counts)),
            labelled=torch.tensor([self.examples[row].labelled for row in rows]),
            token_weight=torch.tensor(self.token_weight * counts),
            boundary_weight=torch.tensor(self.boundary_weight * counts),
            places=places,
            first_bytes=FirstBytes.of(self.features.table),
            taught={t: _taught(self._signals(rows, t, choice), places) for t in self.temperatures},
        )

    def _signals(self, rows: NDArray[np.int64], temperature: float, choice: int) -> Signals:
        if self.preloaded is not None:
            alternatives = self.preloaded[temperature]
            return alternatives[choice % len(alternatives)].take(rows)
        assert self.source is not None
        coming = self.source.signals([self.examples[number] for number in rows], [temperature])[temperature]
        return coming[choice % len(coming)]


@dataclass(frozen=True)
class Taught:
    """What teachers think at the R boundaries that the student has: probabilities of first bytes, float32 [R, 257], and of another unit and
    of the one that stands there, float32 [R, 2]; all 0 where they say nothing, or the student does not end the unit where they do."""

    first_bytes: "Tensor"
    units: "Tensor"


def _taught(signals: Signals, places: Places) -> Taught:
    import torch

    byte_head, unit_head = heads_of(places.number.numpy(), places.count.numpy())
    dense = to_dense(signals, OUTCOMES)
    first = np.where(places.shows.numpy()[:, None], dense[byte_head], 0)
    units = np.where(places.whole.numpy()[:, None], dense[unit_head, :2], 0)
    return Taught(torch.from_numpy(first.astype(np.float32)), torch.from_numpy(units.astype(np.float32)))


@dataclass(frozen=True)
class TextTargets:
    """See Targets. labelled: bool [B]; token_weight, boundary_weight: float32 []; taught: by temperature."""

    weight: "Tensor"
    labelled: "Tensor"
    token_weight: "Tensor"
    boundary_weight: "Tensor"
    places: Places
    first_bytes: FirstBytes
    taught: Mapping[float, Taught]

    @property
    def tokens(self) -> "Tensor":
        """See AtTokens: those before the completions' own."""
        return self.places.token

    def rows(self, logits: "Tensor") -> Rows:
        """See Targets: of first bytes, with `units` and `labels` as parts; without teachers of labels alone.

        logits: as `Text.logits` gives them, [B, V, L], or [1, V, M] of `tokens` alone.
        """
        at_tokens = taken_at(logits.transpose(1, 2), self.tokens)
        if not self.taught:  # labels alone need no more than their tokens
            return self._labels(_log_p(at_tokens, self.places.target))
        asked = UnitLogits(at_tokens, self.first_bytes, self.places)
        taught = {temperature: one.first_bytes for temperature, one in self.taught.items()}
        parts = {UNITS: lambda: self._units(asked), LABELS: lambda: self._labels(asked.tokens)}
        return self._of_boundaries(asked.first_bytes, taught, parts)

    def _units(self, asked: UnitLogits) -> Rows:
        """Of another unit and of the one that stands there."""
        taught = {temperature: one.units for temperature, one in self.taught.items()}
        return self._of_boundaries(_no_and_yes(asked.units), taught)

    def _of_boundaries(
        self,
        logits: "Tensor",
        taught: "Mapping[float, Tensor]",
        parts: "Mapping[str, Callable[[], Rows]] | None" = None,
    ) -> Rows:
        import torch

        item = self.places.item[self.places.at]
        return Rows(
            logits=logits,
            mask=torch.ones_like(logits, dtype=torch.bool),
            label=torch.full_like(item, -1),
            weight=self.boundary_weight.expand(len(item)),
            item=item,
            items=len(self.weight),
            signals=taught,
            parts=parts or {},
        )

    def _labels(self, log_p: "Tensor") -> Rows:
        """Of another token and of the one that stands there, which is to be."""
        import torch

        item, logits = self.places.item, _no_and_yes(log_p)
        return Rows(
            logits=logits,
            mask=torch.ones_like(logits, dtype=torch.bool),
            label=torch.where(self.labelled[item], 1, -1),
            weight=self.token_weight.expand(len(item)),
            item=item,
            items=len(self.weight),
            signals={},
        )


def _log_p(logits: "Tensor", target: "Tensor") -> "Tensor":
    """log P of tokens. logits: [M, V]; target: int64 [M]."""
    from torch.nn.functional import cross_entropy

    return -cross_entropy(logits.float(), target, reduction="none")


def _no_and_yes(log_p: "Tensor") -> "Tensor":
    """log(1 - p) and log p. [R, 2]"""
    import torch

    return torch.stack([torch.log1p(-log_p.exp().clamp(max=1 - 1e-6)), log_p], -1)


def text_items(
    examples: Sequence[Written],
    features: TextRows,
    pad_id: int,
    source: SignalSource | None,
    temperatures: Sequence[float],
    eager: bool,
) -> TextItems:
    """Items of all rows. A token weighs 1 / (mean tokens of a completion), so that an item's loss is a token's on average, and long
    completions count for more; boundaries likewise."""
    tokens = int((features.lengths - features.begin).sum())
    boundaries = int((features.place >= 0).sum())
    source = source if temperatures else None  # no loss reads signals
    wanted = tuple(temperatures) if source is not None else ()
    known = source.signals(examples, wanted) if eager and source is not None else None
    return TextItems(
        features,
        pad_id,
        examples,
        len(features) / max(tokens, 1),
        len(features) / max(boundaries, 1),
        source,
        wanted,
        known,
    )
