"""A teacher without a model, of any task, that guesses: what it says of an example depends on that and on its seed."""

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from distil.framework.config import Section
from distil.framework.data.example import Example
from distil.framework.predictors.function import FunctionPredictor
from distil.framework.segments import bounds
from distil.framework.signals.algebra import Signals, concat, normalised
from distil.framework.tasks.base import InferenceConfig, Predictor
from distil.framework.teachers.base import without_model

_FEW = 4


@without_model
class Guess(Section):
    """See above. Of each head it names a few outcomes."""

    kind: str
    seed: int

    def predictor(self, folder: Path, inference: InferenceConfig) -> Predictor:
        """See Teacher."""

        def predict(examples: Sequence[Any]) -> Signals:
            return concat([self._guess(example, inference.task.head_sizes([example])) for example in examples])

        return FunctionPredictor(predict, inference)

    def _guess(self, example: Example, sizes: Any) -> Signals:
        random = np.random.default_rng([self.seed, zlib.crc32("\n".join(example.texts).encode())])
        chosen = [np.sort(random.choice(size, min(size, _FEW), replace=False)) for size in sizes.tolist()]
        logs = [np.log(random.dirichlet(np.ones(len(keys)))) for keys in chosen]
        return normalised(
            np.asarray([0, len(sizes)]),
            bounds(np.asarray([len(keys) for keys in chosen])),
            np.concatenate(chosen),
            np.concatenate(logs),
            np.full(len(sizes), -np.inf),
            np.zeros(len(sizes), np.int32),
        )
