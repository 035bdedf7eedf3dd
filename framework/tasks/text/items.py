"""What a student of texts is trained on: tokens, and what teachers think of the units and the first bytes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from distil.framework.losses.base import Rows
from distil.framework.models.head_rows import taken_at
from distil.framework.signals.source import SignalSource
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.features import TextRows
from distil.framework.tasks.text.probabilities import FirstBytes, Places, UnitLogits, places_of
from distil.framework.tasks.text.taught import Named, Taught, taught
from distil.framework.tasks.text.token_bytes import OUTCOMES
from distil.framework.training.items import ExampleSignals, batch_length, example_signals

if TYPE_CHECKING:
    from torch import Tensor

SIGNALS, UNITS, TOKENS = (
    "signal",
    "units",
    "tokens",
)  # rows beside those of labels: first bytes, by which teachers teach if no loss says otherwise
_PLAIN = 1.0  # the temperature of next tokens


@dataclass(frozen=True)
class TextItems:
    """See Items: one an example. token_weight, boundary_weight: of each one in its item's loss, the same for all; signals: of the
    examples, None where no loss reads them."""

    features: TextRows
    pad_id: int
    examples: Sequence[Written]
    token_weight: float
    boundary_weight: float
    signals: ExampleSignals | None

    def prefetch(self, batches: Sequence[NDArray[np.int64]]) -> None:
        """See Items."""
        if self.signals is not None:
            self.signals.prefetch(batches)

    def targets(self, rows: NDArray[np.int64], counts: bool, choice: int) -> "TextTargets":
        """See Items."""
        import torch

        places = places_of(self.features, rows, batch_length(self.features, rows))
        read = self.signals.read(rows, choice) if self.signals is not None else {}
        return TextTargets(
            weight=torch.full((len(rows),), float(counts)),
            labelled=torch.tensor([self.examples[row].labelled for row in rows]),
            token_weight=torch.tensor(self.token_weight * counts),
            boundary_weight=torch.tensor(self.boundary_weight * counts),
            places=places,
            first_bytes=FirstBytes.of(self.features.table),
            taught={
                temperature: taught(signals, places, len(self.features.table.first))
                for temperature, signals in read.items()
            },
        )


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
        """See Targets: of labels; with teachers first bytes, `units` and `tokens` as parts.

        logits: as `Text.logits` gives them, [B, V, L], or [1, V, M] of `tokens` alone.
        """
        at_tokens = taken_at(logits.transpose(1, 2), self.tokens)
        if not self.taught:  # labels alone need no more than their tokens
            return self._labels(_log_p(at_tokens, self.places.target), {})
        asked = UnitLogits(at_tokens, self.first_bytes, self.places)
        parts = {SIGNALS: lambda: self._first_bytes(asked), UNITS: lambda: self._units(asked)}
        of_tokens = self.taught[_PLAIN].tokens if _PLAIN in self.taught else None
        if of_tokens is None:
            return self._labels(asked.tokens, parts)
        from distil.framework.tasks.text.next_tokens import named_tokens

        log_p, named, others = named_tokens(at_tokens, self.places.target, of_tokens.keys)
        return self._labels(log_p, {**parts, TOKENS: lambda: self._next_tokens(of_tokens, named, others)})

    def _first_bytes(self, asked: UnitLogits) -> Rows:
        taught = {temperature: one.first_bytes.dense(OUTCOMES) for temperature, one in self.taught.items()}
        return self._of_boundaries(asked.first_bytes, taught)

    def _units(self, asked: UnitLogits) -> Rows:
        """Of another unit and of the one that stands there."""
        taught = {temperature: one.units.dense(2) for temperature, one in self.taught.items()}
        return self._of_boundaries(_no_and_yes(asked.units), taught)

    def _next_tokens(self, taught: Named, named: "Tensor", others: "Tensor") -> Rows:
        """Of those that teachers name, and of all others as one outcome."""
        import torch

        there = taught.keys >= 0
        item = self.places.item
        return Rows(
            logits=torch.cat([named.masked_fill(~there, -1e30), others[:, None]], 1),
            mask=torch.nn.functional.pad(there, (0, 1), value=True),
            label=torch.full_like(item, -1),
            weight=self.token_weight.expand(len(item)),
            item=item,
            items=len(self.weight),
            signals={_PLAIN: torch.cat([taught.mass, taught.rest[:, None]], 1)},
        )

    def _of_boundaries(self, logits: "Tensor", taught: "Mapping[float, Tensor]") -> Rows:
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
        )

    def _labels(self, log_p: "Tensor", parts: "Mapping[str, Callable[[], Rows]]") -> Rows:
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
            parts=parts,
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
    return TextItems(
        features,
        pad_id,
        examples,
        len(features) / max(tokens, 1),
        len(features) / max(boundaries, 1),
        example_signals(examples, features, source, temperatures, eager),
    )
