"""Soft labels for use elsewhere: what files hold is what the teachers say, in every task."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from distil.framework.errors import DataError, OutputError, UserError
from distil.framework.files import make_folder, read_json
from distil.framework.label import Labels, label
from distil.framework.progress import SILENT
from distil.framework.recipe.load import recipe_from_values
from distil.framework.signals.collect import collect
from distil.framework.signals.source import TeacherSignals
from distil.framework.signals.teacher_pass import TeacherPass

GUESS = "tests.guessing:Guess"
TEACHERS = {name: {"kind": GUESS, "seed": seed} for seed, name in enumerate(("one", "other"))}


def values(output: Path, data: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "name": "labelled",
        "output": str(output),
        "data": {"source": data, "splits": {"train": "train"}},
        "evaluation": {"split": "train"},
        "teachers": TEACHERS,
        "ensemble": {"rule": "confidence"},
        **changes,
    }


def texts(folder: Path, **splits: int) -> dict[str, Any]:
    """A source without any labels, of so many texts each."""
    counts = splits or {"train": 6}
    for name, count in counts.items():
        lines = (f'"Вопрос {number}, и что же дальше?"\n' for number in range(count))
        (folder / f"{name}.csv").write_text("text\n" + "".join(lines))
    return {"kind": "files", "path": {name: str(folder / f"{name}.csv") for name in counts}}


def rows_of(found: Labels, split: str = "train") -> list[dict[str, Any]]:
    """The rows of a split, which both files hold."""
    lines = (found.folder / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert found.facts["splits"][split]["examples"] == len(rows) > 0
    assert [_without_gaps(row) for row in pq.read_table(found.folder / f"{split}.parquet").to_pylist()] == [
        _without_gaps(row) for row in rows
    ]
    return rows


def _without_gaps(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_gaps(inner) for name, inner in value.items() if inner is not None}
    return [_without_gaps(one) for one in value] if isinstance(value, list) else value


def labelled(output: Path, data: dict[str, Any], **changes: Any) -> list[dict[str, Any]]:
    recipe = recipe_from_values(values(output, data, **changes), "here")
    return rows_of(label(recipe, each_teacher=True))


def mixed(row: dict[str, Any], of: Any) -> Any:
    """The teachers' own masses by their weights."""
    assert sum(row["weights"].values()) == pytest.approx(1)
    return sum(weight * np.asarray(of(row["teachers"][name])) for name, weight in row["weights"].items())


def probabilities(soft: dict[str, Any]) -> list[float]:
    return list(soft["probabilities"].values())


@pytest.mark.parametrize("problem", ["single_label", "multi_label"])
def test_labels_of_texts_without_any(tmp_path: Path, problem: str) -> None:
    task = {"kind": "classification", "labels": ["a", "b", "c"], "problem_type": problem}
    rows = labelled(tmp_path, texts(tmp_path), task=task)
    assert [row["text"] for row in rows] == [f"Вопрос {number}, и что же дальше?" for number in range(6)]
    for row in rows:
        assert "label" not in row
        assert list(row["soft"]["probabilities"]) == ["a", "b", "c"]
        np.testing.assert_allclose(probabilities(row["soft"]), mixed(row, probabilities), atol=2e-3)
    if problem == "single_label":
        assert all(row["soft"]["label"] == max("abc", key=row["soft"]["probabilities"].get) for row in rows)
    assert len({json.dumps(row["weights"]) for row in rows}) > 1  # each example has its own


def test_numbers(tmp_path: Path) -> None:
    task = {"kind": "classification", "problem_type": "regression", "range": [1.0, 5.0]}
    rows = labelled(tmp_path, texts(tmp_path), task=task, ensemble={"rule": "mean"})
    for row in rows:
        assert row["soft"]["value"] == pytest.approx(mixed(row, lambda soft: soft["value"]), abs=5e-3)


@pytest.mark.parametrize("unanswerable", [False, True])
def test_answers_with_their_places(tmp_path: Path, unanswerable: bool) -> None:
    data = {"kind": "synthetic", "examples": {"train": 12}, "facts": 3, "fillers": 0}
    task = {"kind": "extractive_qa", "unanswerable": unanswerable, "n_best": 5}
    rows = labelled(tmp_path, data, task=task)
    assert any(len(row["soft"]["candidates"]) > 1 for row in rows)
    for row in rows:
        assert row["question"]
        assert row["answers"]  # those of the data stay beside what teachers say
        for soft in (row["soft"], *row["teachers"].values()):
            candidates, nothing = soft["candidates"], soft.get("no_answer", 0.0)
            assert ("no_answer" in soft) == unanswerable
            assert all(row["context"][one["start"] : one["end"]] == one["text"] for one in candidates)
            masses = [one["probability"] for one in candidates]
            assert masses == sorted(masses, reverse=True)
            assert not candidates or sum(masses) + nothing == pytest.approx(1)
            assert soft["answer"] == row["context"][soft["start"] : soft["end"]]


def test_entities_and_what_each_unit_may_be(tmp_path: Path) -> None:
    rows = labelled(tmp_path, {"kind": "news", "examples": {"train": 8}}, task={"kind": "tagging"})
    assert any(row["soft"]["entities"] for row in rows)
    for row in rows:
        units = row["soft"]["units"]
        assert [(one["start"], one["end"]) for one in units] == [(one["start"], one["end"]) for one in row["tokens"]]
        said = np.asarray([probabilities(one) for one in units])
        own = mixed(row, lambda soft: [probabilities(one) for one in soft["units"]])
        np.testing.assert_allclose(said, own, atol=2e-3)
        assert all(row["text"][one["start"] : one["end"]] == one["text"] for one in row["soft"]["entities"])


def test_one_teacher_labels_alone_and_files_say_by_whom(tmp_path: Path) -> None:
    task = {"kind": "classification", "labels": ["a", "b"]}
    alone = {"teachers": {"one": TEACHERS["one"]}, "ensemble": None}
    recipe = recipe_from_values(values(tmp_path, texts(tmp_path), task=task, **alone), "here")
    found = label(recipe)
    assert found.folder == recipe.run_folder / "labels"
    assert all(row["weights"] == {"one": 1.0} and "teachers" not in row for row in rows_of(found))
    assert read_json(found.folder / "labels.json") == found.facts
    told = found.facts["splits"]["train"]
    signals = tmp_path / "store" / "signals" / told["teachers"]["one"]["signals"]
    assert told["teachers"]["one"]["temperature"] == 1.0
    assert list(signals.glob("shard-*.arrow"))
    again = label(recipe, ["train"], tmp_path / "elsewhere")
    assert rows_of(again) == rows_of(found)
    assert again.facts == found.facts
    other = recipe_from_values(
        values(tmp_path, texts(tmp_path), task=task, **{**alone, "teachers": {"one": {"kind": GUESS, "seed": 7}}}),
        "here",
    )
    assert label(other).facts["splits"]["train"]["digest"] != told["digest"]


def test_labels_of_splits_gather_in_a_folder_and_those_of_other_recipes_stay_apart(tmp_path: Path) -> None:
    source = texts(tmp_path, train=6, validation=4)
    settings = {"task": {"kind": "classification", "labels": ["a", "b"]}, "evaluation": {"split": "dev"}}

    def labels(split: str, **changes: Any) -> Labels:
        wanted = values(tmp_path, source, **settings, **changes) | {"data": {"source": source}}
        return label(recipe_from_values(wanted, "here"), [split], tmp_path / "to")

    first, then = labels("train"), labels("dev")
    assert (first.splits, then.splits) == (["train"], ["dev"])
    assert read_json(tmp_path / "to" / "labels.json") == then.facts
    assert then.facts["splits"]["train"] == first.facts["splits"]["train"]
    assert [len(rows_of(then, split)) for split in ("train", "dev")] == [6, 4]
    with pytest.raises(OutputError, match=r"has labels of train by another recipe.*--to"):
        labels("dev", ensemble={"rule": "mean"})
    assert read_json(tmp_path / "to" / "labels.json") == then.facts
    (tmp_path / "to" / "labels.json").write_text("[]")
    with pytest.raises(OutputError, match=r"labels\.json is none.*--to"):
        labels("train")


def test_a_folder_that_cannot_be_written_is_named_with_its_option(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    task = {"kind": "classification", "labels": ["a", "b"]}
    recipe = recipe_from_values(values(tmp_path, texts(tmp_path), task=task), "here")
    with pytest.raises(OutputError, match=r"file/labels: .*name another folder as `to` \(--to\)$"):
        label(recipe, to=tmp_path / "file" / "labels")


def test_of_teachers_that_teach_in_turn_the_mean_is_taken(tmp_path: Path) -> None:
    task = {"kind": "classification", "labels": ["a", "b"]}
    for row in labelled(tmp_path, texts(tmp_path), task=task, ensemble={"rule": "sampled"}):
        assert row["weights"] == {"one": 0.5, "other": 0.5}
        np.testing.assert_allclose(probabilities(row["soft"]), mixed(row, probabilities), atol=2e-3)


def test_where_a_run_would_stream_teachers_run_beside_it(tmp_path: Path) -> None:
    asked: list[dict[str, int]] = []

    @contextmanager
    def stream(passes: Sequence[TeacherPass]) -> Iterator[Mapping[str, TeacherSignals]]:
        asked.append({one.name: len(one.examples) for one in passes})
        for one in passes:
            make_folder(one.folder)
            collect(one.folder, one.examples, one.open, one.settings, SILENT, "")
        yield {}

    source = texts(tmp_path, train=6, validation=4)
    settings = {"task": {"kind": "classification", "labels": ["a", "b"]}, "evaluation": {"split": "dev"}}

    def labels(output: str, **changes: Any) -> Labels:
        wanted = values(tmp_path / output, source, **settings, **changes) | {"data": {"source": source}}
        return label(recipe_from_values(wanted, "here"), ["train", "dev"], stream=stream)

    found, before = labels("runs", signals={"mode": "streamed"}), labels("others", signals={"mode": "precomputed"})
    assert asked == [{"one": 6, "other": 6}]  # what the ensemble is measured by, a run would not stream
    assert all(rows_of(found, split) == rows_of(before, split) for split in ("train", "dev"))
    labels("alone", teachers={"one": TEACHERS["one"]}, ensemble=None, signals={"mode": "streamed"})
    assert sorted(one["one"] for one in asked[1:]) == [
        4,
        6,
    ]  # one split after the other, as there may be room for no more


def test_a_rule_that_needs_labels_is_refused_before_anybody_is_asked(tmp_path: Path) -> None:
    task = {"kind": "classification", "labels": ["a", "b"]}
    recipe = recipe_from_values(values(tmp_path, texts(tmp_path), task=task, ensemble={"rule": "label_aware"}), "here")
    with pytest.raises(DataError, match="no label; leave out unlabelled questions"):
        label(recipe)
    assert not (tmp_path / "store" / "signals").exists()


def test_who_cannot_label_is_told_so(tmp_path: Path) -> None:
    task = {"kind": "classification", "labels": ["a", "b"]}
    together = recipe_from_values(values(tmp_path, texts(tmp_path), task=task, ensemble=None), "here")
    with pytest.raises(UserError, match=r"2 teachers .*say how they become one"):
        label(together)
    recipe = recipe_from_values(values(tmp_path, texts(tmp_path), task=task), "here")
    with pytest.raises(UserError, match=r"no split of `data` is called 'trian'.*train"):
        label(recipe, ["trian"])
