"""`distil rehearse`, and `distil plan` of what is not here, without a hub."""

from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants
from typer.testing import CliRunner

from distil.framework.errors import MissingDataError, MissingModelError
from distil.framework.paper import PUBLISHED, STUDENT, Published
from distil.launch.commands import app
from distil.launch.rehearsal import duration

RECIPES = Path(__file__).parents[2] / "recipes" / "sberquad"
SMALL = Published("distilbert", 1500, "wordpiece", {"dim": 32, "n_layers": 1, "n_heads": 2, "hidden_dim": 32})


@pytest.fixture(autouse=True)
def _no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


def distil(command: str, name: str, output: Path, *overrides: Any) -> str:
    arguments = [command, str(RECIPES / name), f"output={output}", "engine.precision=fp32", *overrides]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_what_fits_is_rehearsed_and_the_rest_planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PUBLISHED, STUDENT, SMALL)
    monkeypatch.setattr("distil.framework.rehearsal.rehearse.available_bytes", lambda: 2_000_000_000)
    overrides = ["student.batch_size=4", "windows.max_length=256"]
    output = distil("rehearse", "single_teacher.yaml", tmp_path / "runs", *overrides)
    assert "train 45328, dev 5036 questions, as published" in output
    assert "rubert-base: planned only, takes about 6.5 GB, of 2.0 GB that are free" in output
    assert "student: rehearsed" in output
    (teacher,) = [line for line in output.splitlines() if line.startswith("│ rubert-base ")]
    (student,) = [line for line in output.splitlines() if line.startswith("│ student x 2 ")]
    assert [cell.strip() for cell in teacher.strip("│").split("│")[1:4]] == ["178M", "2.84 GB", "–"]
    assert "7.2 MB" in teacher
    cells = [cell.strip() for cell in student.strip("│").split("│")]
    assert 64 < int(cells[4]) <= 256
    assert "without rubert-base, planned only" in output
    assert "random weights: rubert-base, student" in output
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.parametrize(
    ("command", "name"),
    [("run", "single_teacher.yaml"), ("run", "../search_quickstart.yaml"), ("search", "../search_quickstart.yaml")],
)
def test_a_recipe_may_ask_to_be_rehearsed(
    command: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distil.framework.rehearsal.rehearse.available_bytes", lambda: 0)
    short = distil("rehearse", name, tmp_path / "runs")
    assert "student: planned only" in short
    assert ("Of a search, this is one trial." in short) == ("search" in name)
    assert distil(command, name, tmp_path / "runs", "rehearse=true") == short
    assert list((tmp_path / "runs").iterdir()) == []


def test_the_weights_of_live_teachers_are_planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PUBLISHED, STUDENT, SMALL)
    overrides = ["losses.hidden_mse={}", "student.batch_size=1", "windows.max_length=256"]
    assert "0.71 GB with rubert-base" in distil("plan", "single_teacher.yaml", tmp_path / "runs", *overrides)
    monkeypatch.setattr("distil.framework.rehearsal.rehearse.available_bytes", lambda: 2_000_000_000)
    output = distil("rehearse", "single_teacher.yaml", tmp_path / "runs", *overrides)
    (student,) = [line for line in output.splitlines() if line.startswith("│ student x 2 ")]
    assert "0.71 GB with" in student
    assert "rehearsed without rubert-base" in output


def test_a_plan_says_what_is_published(tmp_path: Path) -> None:
    output = distil("plan", "mt5_large.yaml", tmp_path / "runs")
    assert "train 45328, dev 5036 questions, as published" in output
    assert "1229.58M" in output
    assert output.count("│ published ") == 2
    assert "the stages are not planned: the dataset" in output
    assert not (tmp_path / "runs").exists()
    with pytest.raises(MissingDataError, match="the dataset kuznetsoffandrey/sberquad"):
        distil("plan", "teacher.yaml", tmp_path / "runs", "teachers.rubert-base.model.id=someone/else")
    with pytest.raises(MissingModelError, match="someone/else"):
        distil("rehearse", "teacher.yaml", tmp_path / "runs", "teachers.rubert-base.model.id=someone/else")


def test_durations_are_read_easily() -> None:
    assert [duration(seconds) for seconds in (40, 600, 9000)] == ["40 s", "10 min", "2.5 h"]
