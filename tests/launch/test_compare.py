"""`distil compare`, of runs that are written by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from distil.framework.errors import DistilError
from distil.launch.compare import compare_runs_at
from tests.comparing import MODELS, QUESTIONS, change_results, write_run

SLOWER = {"student__lr": 0.0005}


def compared(capsys: pytest.CaptureFixture[str], *folders: Path) -> dict[str, Any]:
    capsys.readouterr()
    compare_runs_at(list(folders), True, False)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def by_name(found: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(one["model"], one["against"]): one for one in found["comparisons"]}


def test_a_run_by_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = compared(capsys, write_run(tmp_path / "one"))
    one = by_name(found)["student", "student_no_distillation"]
    measured = {model["model"]: model["metrics"]["f1"]["mean"] for model in found["models"]}
    difference = measured["student"] - measured["student_no_distillation"]
    assert one["metrics"]["f1"]["difference"] == pytest.approx(difference)
    assert one["metrics"]["f1"]["verdict"] == "better"
    assert (one["examples"], one["seeds"], one["paired"]) == (120, 1, True)
    assert 0 < one["differing"] <= 120
    assert found["conclusions"][0].startswith(
        f"The student is {difference:.1f} points of F1 above student_no_distillation [+"
    )
    assert found["conclusions"][-1].startswith("One seed")


def test_seeds_of_one_recipe_are_means_with_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [write_run(tmp_path / str(seed), seed=seed, data__source={**QUESTIONS, "seed": seed}) for seed in range(3)]
    found = compared(capsys, *runs)
    assert {len(model["runs"]) for model in found["models"]} == {3}
    assert all(model["metrics"]["f1"]["error"] > 0 for model in found["models"])
    one = by_name(found)["student", "student_no_distillation"]
    assert (one["seeds"], one["paired"]) == (3, True)
    assert one["metrics"]["f1"]["error"] > 0
    assert not any(text.startswith("One seed") for text in found["conclusions"])
    compare_runs_at(runs, False, False)
    shown = capsys.readouterr().out
    assert " ± " in shown
    assert "paired" in shown
    compare_runs_at(runs, False, True)
    assert "| recipe | model | role | seeds | EM | F1 |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "paired", "examples"),
    [
        (QUESTIONS, True, 120),
        ({**QUESTIONS, "examples": {"train": 8, "validation": 60}}, True, 60),
        ({**QUESTIONS, "seed": 7}, False, 120),
    ],
    ids=["same questions", "some of them", "others"],
)
def test_models_of_one_name_in_two_recipes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], source: dict[str, Any], paired: bool, examples: int
) -> None:
    other = write_run(tmp_path / "other", draw=1, data__source=source, **SLOWER)
    found = compared(capsys, write_run(tmp_path / "one"), other)
    (one,) = (one for names, one in by_name(found).items() if all(name.startswith("student of") for name in names))
    assert (one["paired"], one["examples"]) == (paired, examples)
    assert (one["differing"] is None) != paired
    assert "student.lr=0.0005" in one["model"]
    low, high = one["metrics"]["f1"]["interval"]
    assert low <= one["metrics"]["f1"]["difference"] <= high
    assert any("unpaired" in text for text in found["conclusions"]) != paired


def test_seeds_of_two_recipes_belong_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The teachers are the very same."""
    better = MODELS | {"student": ("student", 0.95)}
    one = [write_run(tmp_path / f"one-{seed}", seed=seed) for seed in range(4)]
    two = [write_run(tmp_path / f"two-{seed}", better, seed=seed, **SLOWER) for seed in reversed(range(4))]
    found = by_name(compared(capsys, *one, *two))
    (names,) = (names for names in found if all(name.startswith("student of") for name in names))
    within = {names for names in found if names[1].startswith("student_no_distillation of")}
    assert len(within) == 4  # of each recipe the student and the teacher
    assert (found[names]["seeds"], found[names]["metrics"]["f1"]["verdict"]) == (4, "better")
    assert not any(all(name.startswith("teacher of") for name in names) for names in found)


def test_what_cannot_be_compared_is_refused_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = write_run(tmp_path / "one")

    def refused(*folders: Path) -> str:
        with pytest.raises(DistilError) as caught:
            compare_runs_at(list(folders), False, False)
        return str(caught.value)

    assert "is named twice" in refused(one, one)
    assert "with the same seeds, and so the same run" in refused(one, write_run(tmp_path / "again"))
    assert "no run at" in refused(tmp_path / "nothing")
    elsewhere = write_run(tmp_path / "elsewhere", data__source={**QUESTIONS, "facts": 4, "seed": 3}, **SLOWER)
    assert "come from other data (data.source.facts is 4 and 3)" in refused(one, elsewhere)
    unlike = write_run(tmp_path / "unlike")
    change_results(unlike, task={**change_results(unlike)["task"], "kind": "other"})  # type: ignore[dict-item]
    assert "compare runs of one task" in refused(one, unlike)
    empty = write_run(tmp_path / "empty", seed=5)
    change_results(empty, models=[{**model, "evaluation": None} for model in change_results(empty)["models"]])
    assert "has been measured yet" in refused(one, empty)
    alone = write_run(tmp_path / "alone", {"student": ("student", 0.5)})
    assert "nothing to compare" in refused(alone)
    moved = write_run(tmp_path / "moved", seed=8)
    data = change_results(moved)["data"]
    change_results(moved, data={**data, "splits": {"dev": {"digest": "another"}}})
    assert "the data has changed since the run" in refused(moved)
    lost = write_run(tmp_path / "lost", seed=9)
    (lost / "predictions" / "student.json").write_text("{}")
    assert "are not those of its examples" in refused(one, lost)
    (lost / "predictions" / "student.json").unlink()
    assert "is not there, and without what 'student' answered it cannot be compared" in refused(one, lost)
