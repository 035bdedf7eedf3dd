"""A whole run, with all that is automatic left so."""

import gc
from pathlib import Path

import torch

from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import run
from tests.gpu.reference import values
from tests.tiny import figures, model_of


def test_a_run_ends_in_results_and_leaves_the_device_empty(tmp_path: Path) -> None:
    given = values(tmp_path, evaluation__latency_questions=3, evaluation__during_training=True, engine=None)
    results = run(recipe_from_values(given, "here"))
    assert results["state"] == "finished"
    for name in ("teacher", "student_no_distillation", "student"):
        assert model_of(results, name)["latency"]["median_ms"] > 0
    gc.collect()
    if torch.cuda.is_available():
        assert torch.cuda.memory_allocated() < 2**26  # what libraries keep for themselves
    again = run(recipe_from_values(given, "here"))
    assert figures(again) == figures(results)
