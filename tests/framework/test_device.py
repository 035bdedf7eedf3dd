"""What `auto` comes to on a machine."""

from pathlib import Path

import pytest
import torch

from distil.framework.device import resolve_workers
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import prepare
from tests.tiny import tiny_values


@pytest.mark.parametrize(
    ("gpus", "batch", "expected"), [(0, 64, 1), (1, 64, 1), (4, 64, 4), (4, 63, 3), (4, 16, 1), (4, 4, 1), (8, 64, 4)]
)
def test_auto_gives_every_gpu_a_worker_with_16_windows_or_more(
    monkeypatch: pytest.MonkeyPatch, gpus: int, batch: int, expected: int
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert resolve_workers("auto", batch) == expected
    assert resolve_workers(6, batch) == 6


def test_each_training_of_a_run_has_the_workers_of_its_own_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    batches = {"teachers__teacher__fine_tune__batch_size": 64, "student__batch_size": 32}

    def found(workers: int | str) -> dict[str, tuple[int, str]]:
        _, graph = prepare(recipe_from_values(tiny_values(tmp_path, **batches, engine__workers=workers), "here"))
        trained = {model.name: model.trained for model in graph.models}
        return {
            name: (stage.inputs["engine"]["workers"], stage.key.digest)
            for name, stage in trained.items()
            if stage is not None
        }

    auto, two = found("auto"), found(2)
    assert {name: workers for name, (workers, _) in auto.items()} == {
        "teacher": 4,
        "student_no_distillation": 2,
        "student": 2,
    }
    assert auto["student_no_distillation"] == two["student_no_distillation"]
    assert auto["teacher"] != two["teacher"]
