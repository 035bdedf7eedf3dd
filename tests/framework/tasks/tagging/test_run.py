"""Whole runs of taggers, in this process: teachers, their ensemble, students, and what is done with these."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from distil.framework.answer import load_answerer
from distil.framework.errors import UserError
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import run
from distil.framework.tasks.tagging.tags import to_bio
from distil.framework.tasks.tagging.usage import EntitiesResponse, TaggedRequest, TagsResponse
from tests.tiny import model_of, several_values

_NEWS = {"kind": "news", "examples": {"train": 64, "validation": 40}}


_WRITING: dict[str, Any] = {
    "teachers__b__tokenizer": {"kind": "bpe", "vocab_size": 400},
    "teachers__b__kind": "generative",
    "teachers__b__model": {
        "kind": "config",
        "architecture": "t5",
        "config": {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 1, "num_heads": 2},
    },
}


def _values(output: Path, **changes: Any) -> dict[str, Any]:
    common = {
        "data__source": dict(_NEWS),
        "task": {"kind": "tagging"},
        "windows": {"max_length": 48, "doc_stride": 8},
        "evaluation": {"latency_questions": 2, "bootstrap": 100},
        "teachers__c": None,
    }
    return several_values(output, **{**common, **changes})


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def results(output: Path) -> dict[str, Any]:
    """Two teachers with unlike tokenizers, of which one is asked out of its folds."""
    values = _values(
        output,
        data__splits={
            "train": "train[:48]",
            "rest": "train[48:]",
            "dev": "validation[:24]",
            "held_out": "validation[24:]",
        },
        teachers__a__temperature="calibrated",
        teachers__b__crossfit=2,
        teachers__b__tokenizer={"kind": "bpe", "vocab_size": 400},
        signals={"held_out": "held_out"},
        student__unlabelled=["rest"],
    )
    return run(recipe_from_values(values, "here"))


def _folder(results: dict[str, Any], output: Path, name: str) -> Path:
    return output / model_of(results, name)["folder"]


def test_all_models_are_measured_by_entities(results: dict[str, Any], output: Path) -> None:
    assert [model["name"] for model in results["models"]] == ["a", "b", "ensemble", "student"]
    assert results["task"]["metrics"][0]["name"] == "f1"
    assert results["task"]["settings"]["labels"][:3] == ["O", "B-DATE", "I-DATE"]
    (folder,) = [path.parent for path in output.glob("*/results.json")]
    for model in results["models"]:
        found = model["evaluation"]
        assert found["examples"] == 24
        assert found["computed_in"] == "fp32"  # beside the share of entities that are right
        assert isinstance(found["precision"], float)
        assert 0 <= found["f1_interval"][0] <= found["f1"] <= found["f1_interval"][1] <= 100
        assert {"type DATE", "type LOC", "type ORG", "type PER"} <= found.keys()
        predicted = json.loads((folder / model["predictions"]).read_text(encoding="utf-8"))
        assert not any(to_bio(one["tags"])[1] for one in predicted.values())


def test_the_student_answers_by_itself(results: dict[str, Any], output: Path) -> None:
    answerer = load_answerer(_folder(results, output, "student"))
    found = answerer.answer(TaggedRequest(text="Анна Котова едет в Омск."))
    assert isinstance(found, EntitiesResponse)
    with pytest.raises(UserError, match="the text is blank"):
        answerer.answer(TaggedRequest(text=" "))


def test_a_trained_tagger_teaches_as_it_is_by_the_types_of_its_entities(
    results: dict[str, Any], output: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(_folder(results, output, "a"), model)
    for name in ("distil.json", "manifest.json"):
        (model / name).unlink(missing_ok=True)
    config = json.loads((model / "config.json").read_text())
    config["id2label"] = {number: name.replace("PER", "MENSCH") for number, name in config["id2label"].items()}
    config["label2id"] = {name: int(number) for number, name in config["id2label"].items()}
    (model / "config.json").write_text(json.dumps(config))
    values = _values(output, teachers={"own": {"kind": "encoder", "model": {"kind": "folder", "path": str(model)}}})
    for section in ("ensemble", "losses", "student"):
        values.pop(section)
    values["data"] = {"source": _NEWS, "splits": {"dev": "validation[:24]"}}
    with pytest.raises(UserError, match=r"'B-MENSCH', 'I-MENSCH' are none of the task's labels"):
        run(recipe_from_values(values, "here"))
    values["teachers"]["own"]["label_map"] = {"MENSCH": "PER"}
    found = model_of(run(recipe_from_values(values, "here")), "own")["evaluation"]
    assert found["accuracy"] == model_of(results, "a")["evaluation"]["accuracy"]


def test_a_generative_teacher_writes_entities(output: Path) -> None:
    values = _values(output, **_WRITING, data__splits={"train": "train[:32]", "dev": "validation[:8]"})
    values["teachers"]["b"] |= {"max_answer": 24, "beams": 2}
    results = run(recipe_from_values(values, "here"))
    (folder,) = [path.parent for path in output.glob("*/results.json") if path.parent.name == results["run"]]
    found = json.loads((folder / model_of(results, "b")["predictions"]).read_text(encoding="utf-8"))
    assert len(found) == 8
    shares = [one["unlocated"] for one in found.values()]
    assert all(0 <= share <= 1 for share in shares)
    assert model_of(results, "b")["evaluation"].get("unlocated", 0.0) == pytest.approx(sum(shares) / 8)
    assert model_of(results, "student")["evaluation"]["examples"] == 8


def test_parts_of_speech_of_a_file(output: Path, tmp_path: Path) -> None:
    """Words of their length."""
    path = tmp_path / "train.conll"
    words = ["a", "bb", "ccc", "dd", "e", "fff"]
    path.write_text(
        "\n".join(
            f"{word}\t{'LONG' if len(word) > 2 else 'SHORT'}{chr(10) * (n % 4 == 3)}"
            for n, word in enumerate(words * 20)
        )
    )
    values = _values(
        output,
        data={"source": {"kind": "files", "path": str(path)}, "cut": {"shares": {"train": 0.6, "dev": 0.4}}},
        ensemble=None,
        teachers__b=None,
    )
    results = run(recipe_from_values(values, "here"))
    assert [metric["name"] for metric in results["task"]["metrics"]] == ["accuracy", "macro_f1"]
    found = load_answerer(_folder(results, output, "student")).answer(TaggedRequest(text="a ccc"))
    assert isinstance(found, TagsResponse)
    assert [unit.text for unit in found.units] == ["a", "ccc"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"windows": {"max_length": 64, "max_question": 8}}, "windows.max_question is for questions"),
        (
            {"windows": {"max_length": 64}},
            "windows: max_length 64 is no more than doc_stride 128, by which windows overlap",
        ),
        (
            {"teachers__a__windows": {"max_length": 64}},
            "teachers.a.windows: max_length 64 is no more than doc_stride 128",
        ),
        ({"data__source": {"kind": "messages"}}, "a messages source is for the task classification"),
        ({"data__source": {"kind": "files", "path": "x.conll", "fields": {"context": "x"}}}, "fields"),
        (
            {**_WRITING, "task__scheme": "none"},
            "teachers.b: a generative teacher writes entities, and the task's tags are none of entities",
        ),
        ({**_WRITING, "teachers__b__candidates": 2}, "teachers.b.candidates is for spans"),
        (
            {**_WRITING, "teachers__b__prompt": "{context}"},
            "teachers.b.prompt is '{context}'; expected a text with {text}",
        ),
        (
            {**_WRITING, "teachers__b__windows": {"doc_stride": 4}},
            "teachers.b.windows.doc_stride is for windows that overlap",
        ),
    ],
)
def test_what_the_task_would_ignore_is_refused(output: Path, changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(UserError, match=re.escape(problem)):
        recipe_from_values(_values(output, **changes), "here")
