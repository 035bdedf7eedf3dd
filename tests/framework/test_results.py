"""What results.json says of a run beyond its figures."""

from pathlib import Path

import pytest

from tests.tiny import model_of, several_values, watched_run

TRANSFER = {"source": {"kind": "synthetic", "examples": {"train": 8}, "facts": 3, "fillers": 0, "seed": 5}}


@pytest.mark.parametrize("unlabelled", [[], ["transfer"], ["dev"], ["transfer", "dev"]], ids=str)
def test_a_student_that_learns_from_the_evaluated_questions_is_marked(
    tmp_path_factory: pytest.TempPathFactory, unlabelled: list[str]
) -> None:
    output = tmp_path_factory.getbasetemp() / "results"  # shared, so that the teachers are trained once
    changes = {"data__extra": {"transfer": TRANSFER}} if "transfer" in unlabelled else {}
    values = several_values(output, student__unlabelled=unlabelled, baselines=["no_distillation", "a"], **changes)
    results, _ = watched_run(values)
    marked = {model["name"]: model.get("transductive") for model in results["models"]}
    expected = "dev" in unlabelled
    assert marked == {
        **dict.fromkeys(("a", "b", "c", "ensemble", "student_no_distillation")),
        "student_from_a": expected,
        "student": expected,
    }


def test_questions_from_another_file_count_if_they_are_the_evaluated_ones(tmp_path: Path) -> None:
    """Whatever they are called there."""
    same = {"kind": "synthetic", "examples": {"train": 48, "validation": 16}, "facts": 3, "fillers": 0}
    extra = {"again": {"source": same, "split": "validation[:1]"}}
    values = several_values(tmp_path, data__extra=extra, student__unlabelled=["again"])
    results, _ = watched_run(values)
    assert model_of(results, "student")["transductive"] is True


def test_every_pass_of_a_teacher_is_an_entry(tmp_path: Path) -> None:
    results, _ = watched_run(several_values(tmp_path, losses={"kl": {}}))
    entries = {(one["teacher"], one["split"]): one for one in results["signals"]}
    assert sorted(entries) == [(name, split) for name in "abc" for split in ("dev", "train")]
    moved = model_of(results, "student")["training"]["moved_mass"]
    for (teacher, split), one in entries.items():
        assert one["examples"] == {"dev": 16, "train": 48}[split]
        assert one["bytes_per_example"] > 24
        assert 0 < one["null_mass"] < 1
        # Known of what a student has read.
        assert one["moved_mass"] == (moved[teacher] if split == "train" else None)
    settings = model_of(results, "student")["settings"]
    assert (settings["teachers"], settings["ensemble.rule"]) == ("a, b, c", "mean")
    assert model_of(results, "ensemble")["settings"] == {"rule": "mean"}


def test_results_call_a_split_as_their_own_recipe_does(tmp_path: Path) -> None:
    """Also where another one has measured the models before."""
    alone = {"teachers__b": None, "teachers__c": None, "ensemble": None, "student": None, "losses": None}
    for name in ("dev", "test"):
        splits = {"train": "train", name: "validation"}
        results, _ = watched_run(several_values(tmp_path, data__splits=splits, evaluation__split=name, **alone))
        assert model_of(results, "a")["evaluation"]["split"] == name
