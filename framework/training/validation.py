"""Measuring a model while it is trained."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from distil.framework.data.features import Features
from distil.framework.predictors.logits import all_logits
from distil.framework.tasks.base import Examples, InferenceConfig, main_metrics
from distil.framework.training.engine import TrainingEngine
from distil.framework.training.objective import Objective
from distil.framework.training.random_state import kept_random_state


@dataclass(frozen=True)
class Validation:
    """Questions on which a model is measured after every epoch, just as it will be when it is finished.

    features: the questions in the model's tokens; pad_id: of its tokenizer.
    """

    examples: Examples
    features: Features
    pad_id: int
    inference: InferenceConfig

    def measure(self, objective: Objective, engine: TrainingEngine, folder: Path, rank: int) -> dict[str, float]:
        """The metrics that the task names, of the model as it is now.

        All workers have to call this together; the first measures a copy, by way of `folder`, and the others get
        nothing. Training goes on as if nothing had been measured.
        """
        weights = engine.full_weights()
        if rank != 0:
            return {}
        try:
            with kept_random_state():
                objective.save(engine.module, weights, folder)
                return self._scores(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _scores(self, folder: Path) -> dict[str, float]:
        from distil.framework.models.build import pretrained_model

        inference = self.inference
        model = pretrained_model(inference.task, folder)
        logits = all_logits(model, self.features, self.pad_id, inference)
        predictions = inference.task.predict(self.examples, self.features, logits)
        scores = inference.task.score(self.examples, predictions, resamples=1, seed=0)
        return main_metrics(inference.task, scores.metrics)
