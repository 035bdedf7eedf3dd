"""Runs written by hand, whose models answer so many of generated questions right."""

from pathlib import Path
from typing import Any

import numpy as np

from distil.framework.data.load import load_data
from distil.framework.files import write_json, write_sealed
from distil.framework.outcome import RunResults
from distil.framework.recipe.load import recipe_from_values
from distil.framework.results import read_results
from distil.framework.tasks.registry import summary_of
from tests.tiny import tiny_values

QUESTIONS = {"kind": "synthetic", "examples": {"train": 8, "validation": 120}, "facts": 3, "fillers": 0}
MODELS = {
    "teacher": ("teacher", 0.9),
    "student_no_distillation": ("baseline", 0.4),
    "student": ("student", 0.7),
}


def write_run(
    folder: Path, models: dict[str, tuple[str, float]] = MODELS, seed: int = 0, draw: int = 0, **changes: Any
) -> Path:
    """A finished run, of models with a role and a share of right answers each. draw: of which are right."""
    values = tiny_values(folder.parent, seed=seed, **{"data__source": QUESTIONS, **changes})
    recipe = recipe_from_values(values, "here")
    data = load_data(recipe.data, recipe.task)
    task = recipe.task.fitted({name: split.examples for name, split in data.items()})
    generator = np.random.default_rng([seed, draw])
    entries = []
    for name, (role, share) in models.items():
        predictions = {
            one.id: _answer(one, right)
            for one, right in zip(
                data["dev"].examples, generator.random(len(data["dev"].examples)) < share, strict=True
            )
        }
        write_json(folder / "predictions" / f"{name}.json", predictions)
        scores = task.score(data["dev"].examples, predictions, 100, seed)
        bounds = {f"{metric}_interval": list(ends) for metric, ends in scores.intervals.items()}
        evaluation = {"split": "dev", "examples": scores.examples, **scores.metrics, **bounds}
        entries.append(
            {
                **dict.fromkeys(("folder", "history", "parameters", "training", "latency")),
                "name": name,
                "role": role,
                "digest": f"{name}-{share}-{seed}-{draw}",
                "settings": {},
                "evaluation": evaluation,
                "predictions": f"predictions/{name}.json",
            }
        )
    results = {
        "format": 1,
        "name": recipe.name,
        "run": folder.name,
        "state": "finished",
        "recipe": recipe.resolved(),
        "task": {**summary_of(task).as_data(), "settings": task.model_dump(mode="json")},
        "data": {"splits": {name: {"digest": split.digest} for name, split in data.items()}},
        "signals": [],
        "models": entries,
    }
    write_sealed(folder / "results.json", results)
    return folder


def change_results(folder: Path, **changes: Any) -> RunResults:
    """Give a run's results other fields."""
    write_sealed(folder / "results.json", {**read_results(folder), **changes})
    return read_results(folder)


def _answer(example: Any, right: bool) -> dict[str, Any]:
    """The gold answer, or the beginning of the context."""
    start, end = 0, 3
    if right:
        start = example.answers[0].start
        end = start + len(example.answers[0].text)
    return {"answer": example.context[start:end], "start": start, "end": end, "score": 1.0, "n_best": []}
