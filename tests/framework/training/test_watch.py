"""Trainings that are watched: the best weights, an early end, and the same after every stop."""

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from distil.framework.errors import DataError, RecipeError
from distil.framework.files import Json, read_json_lines
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import run
from distil.framework.stages.stage import Context, Stage
from distil.framework.training.loop import train_in_process
from distil.framework.training.validation import Validation
from distil.tracking.report import markdown_table
from tests.framework.training.students import job_of, stopped, student
from tests.tiny import model_of, tiny_values

HELD: Json = {
    "data__extra": {
        "held": {"source": {"kind": "synthetic", "examples": {"train": 12}, "facts": 3, "fillers": 0, "seed": 5}}
    },
}
WATCHED: Json = {**HELD, "student__validation": "held", "student__evaluate_every": 2, "student__lr": 0.01}
BEST: Json = {**WATCHED, "student__best": True, "student__epochs": 3, "student__checkpoint_every": 4}


def made(context: Context, stage: Stage) -> tuple[Json, list[Json], dict[str, Any]]:
    """Facts, the rows of the history without clocks, and the weights of a training."""
    artifact = context.store.produce(stage.key, stage.make)
    rows = [
        {key: row[key] for key in ("kind", "step", "metrics")}
        for row in read_json_lines(artifact.folder / "history.jsonl")
    ]
    for row in rows:
        row["metrics"] = {name: value for name, value in row["metrics"].items() if not name.endswith("per_second")}
    assert not [path.name for path in artifact.folder.iterdir() if path.name in ("best", "measured", "checkpoints")]
    facts = {key: value for key, value in artifact.facts.items() if key != "seconds"}
    return facts, rows, load_file(artifact.folder / "model" / "model.safetensors")


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], tensor) for name, tensor in other.items())


def measured(rows: list[Json]) -> dict[int, float]:
    return {row["step"]: row["metrics"]["f1"] for row in rows if row["kind"] == "validation"}


@pytest.fixture(scope="module")
def best(tmp_path_factory: pytest.TempPathFactory) -> tuple[Json, list[Json], dict[str, Any]]:
    return made(*student(tmp_path_factory.mktemp("best"), **BEST))


def test_the_best_weights_are_kept_and_those_are_that_were_measured(best: Any, tmp_path: Path) -> None:
    facts, rows, weights = best
    figures = measured(rows)
    assert list(figures) == [step for step in range(1, 22) if step % 2 == 0 or step % 7 == 0]
    chosen = facts["selection"]
    value = max(figures.values())
    assert (chosen["best_value"], chosen["best_step"]) == (
        value,
        next(step for step in figures if figures[step] == value),
    )
    assert (chosen["kept_step"], chosen["ended"]) == (chosen["best_step"], "steps")
    # The weights of a training that is over at that step, but for the rate, which falls towards the planned end.
    job = job_of(tmp_path, **{**BEST, "student__best": None, "student__evaluate_every": chosen["best_step"]})
    seen: list[Any] = []
    plain = job.validation

    class Spying(Validation):
        def measure(self, folder: Path) -> dict[str, dict[str, float]]:
            seen.append(load_file(folder / "model.safetensors"))
            return super().measure(folder)

    assert plain is not None
    spied = Spying(plain.task, plain.splits, plain.reading)
    job.output.mkdir(parents=True, exist_ok=True)
    train_in_process(replace(job, validation=spied), lambda row: None)
    assert any(same(weights, one) for one in seen)


@pytest.mark.parametrize(("backend", "stage"), [("torch", 0), ("deepspeed", 3)])
def test_a_watched_training_stopped_at_any_step_decides_and_goes_on_the_same(
    tmp_path: Path, best: Any, backend: str, stage: int
) -> None:
    changes = {**BEST, "engine__backend": backend, "engine__zero_stage": stage, "student__patience": 3}
    whole = made(*student(tmp_path / "whole", **changes))
    if backend == "torch":
        assert measured(best[1]).items() >= measured(whole[1]).items()
    for stop in (5, 9):
        context, training, _ = stopped(tmp_path / "broken", stop, **changes)
    facts, rows, weights = made(context, training)
    assert (facts, rows) == whole[:2]
    assert same(weights, whole[2])


def test_patience_ends_a_training_and_without_best_the_last_weights_stay(tmp_path: Path, best: Any) -> None:
    changes = {**BEST, "student__best": None, "student__patience": 1, "student__lr": 1e-12}  # nothing gets better
    facts, rows, _ = made(*student(tmp_path, **changes))
    assert list(measured(rows)) == [2, 4]
    assert facts["steps"] == 4
    assert 0 < facts["windows"] <= 64
    assert facts["selection"] == {
        "metric": "f1",
        "best_step": 2,
        "best_value": measured(rows)[2],
        "kept_step": 4,
        "planned_steps": best[0]["steps"],
        "ended": "patience",
    }


def test_being_measured_alone_changes_nothing(tmp_path: Path) -> None:
    changes = {"student__lr": 0.01, "student__epochs": 1}
    context, plain = student(tmp_path / "plain", **changes)
    other, watched = student(tmp_path / "watched", **{**WATCHED, **changes})
    assert watched.key.digest == plain.key.digest
    assert same(made(context, plain)[2], made(other, watched)[2])


def test_what_decides_is_digested_and_nothing_else(tmp_path: Path) -> None:
    def digest(**changes: Any) -> str:
        return student(tmp_path, **copy.deepcopy({**BEST, **changes}))[1].digest

    base = digest()
    changed = [
        digest(student__best=None, student__patience=2),
        digest(student__patience=2),
        digest(student__evaluate_every=3),
        digest(data__extra__held__source__seed=6),
        digest(student__layer_decay=0.9),
    ]
    assert len({base, *changed}) == 6
    assert digest(student__gradient_checkpointing=True) == digest(student__checkpoint_every=2) == base


@pytest.mark.parametrize("backend", ["torch", "deepspeed"])
def test_layers_learn_the_more_slowly_the_lower_they_are(tmp_path: Path, backend: str) -> None:
    moved: dict[float, list[float]] = {}
    for decay in (1.0, 0.01):
        changes = {
            "engine__backend": backend,
            "student__layer_decay": decay,
            "student__epochs": 1,
            "student__warmup": 0.0,
        }
        context, stage = student(tmp_path / str(decay), **changes)
        weights = made(context, stage)[2]
        (path,) = (tmp_path / str(decay)).glob("store/initial/*/model/model.safetensors")
        before = load_file(path)
        parts = ("qa_outputs.weight", "layer.0.ffn.lin1.weight", "word_embeddings.weight")
        moved[decay] = [
            next(float((weights[name] - before[name]).abs().max()) for name in before if name.endswith(part))
            for part in parts
        ]
    head, layer, embeddings = (now / was for now, was in zip(moved[0.01], moved[1.0], strict=True))
    assert head == pytest.approx(1, rel=0.5)
    assert layer == pytest.approx(1e-2, rel=0.5)
    assert embeddings == pytest.approx(1e-4, rel=0.5)


@pytest.mark.parametrize("engine", [{"engine__zero_stage": 0}, {"engine__zero_stage": 3}])
def test_gradient_checkpointing_changes_no_bit(tmp_path: Path, engine: Json) -> None:
    plain = made(*student(tmp_path / "plain", **engine, student__epochs=1))
    less = made(*student(tmp_path / "less", **engine, student__epochs=1, student__gradient_checkpointing=True))
    assert less[0] == plain[0]
    assert same(less[2], plain[2])


T5 = {"d_model": 16, "num_layers": 1, "num_heads": 2, "d_kv": 8, "d_ff": 32}
GENERATIVE = {"kind": "generative", "model": {"kind": "config", "architecture": "t5", "config": T5}, "max_answer": 8}


def test_teachers_of_every_kind_are_watched_and_it_is_told(tmp_path: Path) -> None:
    tune = {
        "lr": 0.003,
        "epochs": 2,
        "validation": "held",
        "best": True,
        "layer_decay": 0.8,
        "gradient_checkpointing": True,
    }
    tokenizer = {"kind": "unigram", "vocab_size": 500}
    second = {**GENERATIVE, "tokenizer": tokenizer, "fine_tune": {**tune, "epochs": 1}}
    values = tiny_values(
        tmp_path,
        **HELD,
        teachers__teacher__fine_tune=tune,
        teachers__t5=second,
        student=None,
        losses=None,
        baselines=None,
        data__source__examples={"train": 32, "validation": 8},
    )
    results = run(recipe_from_values(values, "here"))
    text = markdown_table(results)
    for name, epochs in (("teacher", 2), ("t5", 1)):
        model = model_of(results, name)
        rows = read_json_lines(tmp_path / model["history"])
        assert [row["epoch"] for row in rows if row["kind"] == "validation"] == [float(n + 1) for n in range(epochs)]
        assert f"{name}: of the weights, those of step {model['training']['selection']['kept_step']} are kept" in text
    assert json.dumps(results)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"student__best": True}, r"student: `best` goes by .*: name one as `validation`, or drop `best`"),
        ({"student__patience": 2}, r"student: `patience` goes by"),
        ({"teachers__teacher__fine_tune__best": True}, r"teachers\.teacher.*fine_tune: `best` goes by"),
        (
            {"student__validation": "hold"},
            r"student\.validation: no split of `data` is called 'hold'; did you mean 'held'",
        ),
        ({"student__validation": "dev"}, r"student\.validation is 'dev', by which all is measured.*during_training"),
        (
            {"student__validation": "train"},
            r"student\.validation is 'train', on which the model is trained: name another",
        ),
        ({"student__evaluate_every": 5}, r"student\.evaluate_every: the model is measured on nothing.*during_training"),
        (
            {"teachers__teacher__fine_tune__evaluate_every": 5, "evaluation__during_training": True},
            r"teachers\.teacher\.fine_tune\.evaluate_every: the model is measured on nothing",
        ),
    ],
)
def test_what_would_be_ignored_or_flatter_is_refused(tmp_path: Path, changes: Json, problem: str) -> None:
    used = (
        {"teachers__teacher__fine_tune__validation": "held"}
        if set(changes) <= {"student__best", "student__patience"}
        else {}
    )
    with pytest.raises(RecipeError, match=problem):
        recipe_from_values(tiny_values(tmp_path, **HELD, **used, **changes), "here")


def test_a_split_without_labels_decides_nothing(tmp_path: Path) -> None:
    path = tmp_path / "plain.jsonl"
    path.write_text('{"id": "1", "context": "Анна живёт в Туле.", "question": "Где живёт Анна?", "answers": null}\n')
    held = {"held": {"source": {"kind": "files", "path": {"train": str(path)}}}}
    with pytest.raises(
        DataError, match=r"student\.validation: none of the questions of split 'held' has a label to be measured by"
    ):
        student(tmp_path / "runs", **{**WATCHED, "data__extra": held})
