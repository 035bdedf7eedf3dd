"""The order of stages, and what is asked of teachers over many runs."""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from distil.framework.errors import DataError
from distil.framework.predictors.logits import LogitsPredictor
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import prepare, run
from distil.framework.stages.graph import Graph
from distil.framework.tasks.span_qa.data import QAExample
from tests.tiny import several_values

RULES: list[dict[str, Any]] = [
    {"rule": "mean"},
    {"rule": "weighted", "weights": "f1"},
    {"rule": "label_aware"},
    {"rule": "sampled"},
]


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from strings(inner)
    elif isinstance(value, str):
        yield value


def laid_out(output: Path, **changes: Any) -> Graph:
    return prepare(recipe_from_values(several_values(output, **changes), "here"))[1]


def test_every_stage_comes_once_and_after_those_that_it_depends_on(tmp_path: Path) -> None:
    graph = laid_out(
        tmp_path,
        ensemble={"rule": "weighted", "weights": "f1"},
        teachers__a__temperature="calibrated",
        signals__held_out="train",
        teachers__b__crossfit=2,
        data__extra={"more": {"source": {"kind": "synthetic", "examples": {"train": 8}, "seed": 5}}},
        student__unlabelled=["more"],
        baselines=["no_distillation", "b"],
    )
    stages = list(graph.stages())
    place = {stage.digest: at for at, stage in enumerate(stages)}
    assert len(place) == len(stages)
    for at, stage in enumerate(stages):
        before = [place[text] for text in strings(stage.inputs) if text in place]
        assert all(number < at for number in before), stage.title
        assert before or stage.kind in ("tokenizers", "initial"), f"{stage.title} depends on nothing"
    titles = [stage.title for stage in stages]
    expected = [f"collect signals of {name} on '{split}'" for split in ("dev", "train", "more") for name in "abc"]
    assert sorted(title for title in titles if title.startswith("collect")) == sorted(expected)
    assert [title for title in titles if title.startswith("train b")] == [
        "train b",
        "train b without fold 1 of 2",
        "train b without fold 2 of 2",
    ]
    assert [title for title in titles if title.startswith("look")] == [f"look at {name} on 'train'" for name in "abc"]
    assert titles[-2:] == ["train student", "evaluate student"]
    assert {"evaluate ensemble", "train student_no_distillation", "train student_from_b"} <= set(titles)


def test_models_are_timed_once_nothing_else_is_left(tmp_path: Path) -> None:
    graph = laid_out(tmp_path, evaluation={"latency_questions": 2})
    *before, last = graph.stages()
    assert last is graph.latency
    assert {key.digest for key in last.key.parts} == {
        stage.digest for stage in before if stage.title.startswith("evaluate")
    }
    assert laid_out(tmp_path).latency is None


def test_nothing_is_looked_at_or_asked_that_nobody_reads(tmp_path: Path) -> None:
    titles = [stage.title for stage in laid_out(tmp_path, ensemble=None, student=None, losses=None).stages()]
    assert not any(title.startswith(("collect", "look")) for title in titles)
    collected = laid_out(tmp_path, losses={"hard_label": {}}).collections
    assert {split for _, split in collected} == {"dev"}


def test_many_students_cost_one_pass_of_each_teacher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three teachers, four rules, two trials of the first."""
    asked: Counter[str] = Counter()
    original = LogitsPredictor.run

    def counted(predictor: LogitsPredictor, prepared: tuple[Sequence[QAExample], Any]) -> Any:
        asked.update(example.id for example in prepared[0])
        return original(predictor, prepared)

    monkeypatch.setattr(LogitsPredictor, "run", counted)
    students = set()
    for rule, lr in [(RULES[0], 0.002), *((rule, 0.001) for rule in RULES)]:
        values = several_values(tmp_path, ensemble=rule, signals__held_out="train", student__lr=lr)
        values["data"]["source"]["examples"] = {"train": 16, "validation": 8}
        results = run(recipe_from_values(values, "here"))
        students.add(results["models"][-1]["digest"])
    assert len(students) == 5
    # The student's split, and the one on which the ensembles are measured.
    assert len(asked) == 16 + 8
    assert set(asked.values()) == {3}


def test_a_rule_that_needs_labels_is_refused_before_anybody_is_asked(tmp_path: Path) -> None:
    row = {"context": "Анна живёт в Туле.", "answers": ["Туле"]}
    rows = [{**row, "id": str(n), "question": f"Где она живёт, {n}?"} for n in range(4)]
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([*rows, {**rows[0], "id": "4", "question": "А где?", "answers": None}]))
    source = {"kind": "files", "path": {"train": str(path), "validation": str(path)}}
    with pytest.raises(
        DataError, match="'label_aware' weighs teachers by the gold answer, and question '4' has no label"
    ):
        laid_out(tmp_path / "runs", data__source=source, ensemble={"rule": "label_aware"})
    laid_out(tmp_path / "runs", data__source=source, ensemble={"rule": "mean"})


def test_what_actors_are_asked_for_is_known_by_their_devices(tmp_path: Path) -> None:
    """What is read before any student is trained is asked for here."""

    def never(_: object) -> Any:
        raise AssertionError("nothing is asked")

    changes = {"signals__mode": "streamed", "teachers__a__actor": {"gpus": 1}, "baselines": ["a"]}
    _, graph = prepare(recipe_from_values(several_values(tmp_path, **changes), "here"), stream=never)
    asked_on = {place: found.stage.key.versions["device"] for place, found in graph.collections.items()}
    assert (asked_on["a", "train"], asked_on["a", "dev"], asked_on["b", "train"]) == ("cuda", "cpu", "cpu")


def test_nothing_that_a_task_of_ones_own_says_outlives_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    found = []
    for more in ("", "# texts are others now\n"):
        source = (
            "from distil.framework.tasks.span_qa.task import ExtractiveQA\n\nclass Own(ExtractiveQA):\n    kind: str\n"
        )
        (tmp_path / "own_graph_task.py").write_text(source + more)
        sys.modules.pop("own_graph_task", None)
        graph = laid_out(tmp_path, task={"kind": "own_graph_task:Own"})
        found.append({stage.digest for stage in graph.stages()})
    assert found[0].isdisjoint(found[1])


@pytest.mark.parametrize(("changes", "known"), [({}, False), ({"top_k": 4}, True), ({"top_k": 1}, False)])
def test_where_what_is_left_out_has_no_place_of_its_own_is_digested(
    changes: dict[str, int], known: bool, tmp_path: Path
) -> None:
    """The generated messages have ten labels, and there are three teachers."""
    graph = laid_out(
        tmp_path,
        data__source={"kind": "messages", "examples": {"train": 48, "validation": 16}},
        task={"kind": "classification"},
        windows={"max_length": 48},
        signals=changes,
    )
    (student,) = (model for model in graph.models if model.role == "student")
    assert student.trained is not None
    assert ("tails" in student.trained.inputs["teaching"]) is known
    assert graph.ensemble is not None
    assert ("tails" in graph.ensemble.inputs["teaching"]) is known
