"""Encoder teachers that leave a trace, or do what no other does; recipes name them by import path."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from distil.framework.errors import ModelError
from distil.framework.signals.algebra import Signals
from distil.framework.tasks.base import InferenceConfig, Predictor
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.teachers.encoder import Encoder


class Witness(Encoder):
    """Notes the ids that it is asked about in the file `log`."""

    kind: str = ""  # type: ignore[assignment]
    log: str

    def predictor(self, folder: Path, inference: InferenceConfig) -> Any:
        return _Noting(super().predictor(folder, inference), Path(self.log))


@dataclass(frozen=True)
class _Noting:
    predictor: Predictor
    log: Path

    @property
    def parameters(self) -> int:
        return self.predictor.parameters

    def predict(self, *arguments: Any) -> dict[str, Any]:
        return self.predictor.predict(*arguments)

    def signals(self, examples: Sequence[QAExample], proposals: Sequence[Signals] = ()) -> Signals:
        with self.log.open("a") as file:
            file.writelines(f"{example.id}\n" for example in examples)
        return self.predictor.signals(examples, proposals)


class Parrot(Encoder):
    """Says what the only teacher that it is shown says, the wrong way round."""

    kind: str = ""  # type: ignore[assignment]
    takes_proposals = True

    def predictor(self, folder: Path, inference: InferenceConfig) -> Any:
        return _Repeating(super().predictor(folder, inference))


@dataclass(frozen=True)
class _Repeating:
    predictor: Predictor

    @property
    def parameters(self) -> int:
        return self.predictor.parameters

    def predict(self, *arguments: Any) -> dict[str, Any]:
        return self.predictor.predict(*arguments)

    def signals(self, examples: Sequence[QAExample], proposals: Sequence[Signals] = ()) -> Signals:
        (shown,) = proposals
        return the_other_way_round(shown)


def the_other_way_round(signals: Signals) -> Signals:
    """Each example's heads in turned order."""
    heads = np.arange(len(signals.rows) - 1).reshape(-1, 2)[:, ::-1].ravel()
    each = Signals(
        np.arange(len(heads) + 1), signals.rows, signals.keys, signals.log_p, signals.tail, signals.tail_size
    ).take(heads)
    return Signals(signals.heads, each.rows, each.keys, each.log_p, each.tail, each.tail_size)


class Speechless(Encoder):
    """Fails when it is asked for signals."""

    kind: str = ""  # type: ignore[assignment]

    def predictor(self, folder: Path, inference: InferenceConfig) -> Any:
        return _Failing(super().predictor(folder, inference))


class _Failing(_Repeating):
    def signals(self, examples: Sequence[QAExample], proposals: Sequence[Signals] = ()) -> Signals:
        raise ModelError("this teacher has nothing to say")
