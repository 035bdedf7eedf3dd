"""Whole runs of models of texts, in this process: unlike teachers, their ensemble, students, and what is done with these."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import distil
from distil.framework.answer import load_answerer
from distil.framework.errors import RecipeError, UserError
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import run
from distil.framework.stages.planned import check_models
from distil.framework.tasks.text.predictor import TextPredictor
from distil.framework.tasks.text.requests import PromptRequest, TextResponse
from distil.launch.compare import compare_runs_at
from distil.tracking.html.page import page_of
from distil.tracking.report import markdown_table
from tests.framework.tasks.text.runs import model as built
from tests.framework.tasks.text.runs import values
from tests.tiny import model_of, several_values


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def results(output: Path) -> dict[str, Any]:
    """A teacher with a temperature of its own, one that is asked out of its folds, texts without completions to be learnt."""
    changed = values(
        output,
        data__splits={"train": "train[:32]", "dev": "train[32:40]", "rest": "train[40:48]", "held_out": "train[48:]"},
        teachers__a__temperature="calibrated",
        teachers__b__crossfit=2,
        signals={"held_out": "held_out"},
        student__unlabelled=["rest"],
        baselines=["no_distillation", "a", "b"],
        evaluation__during_training=True,
    )
    return run(recipe_from_values(changed, "here"))


def test_all_models_are_measured_by_bits_per_byte(results: dict[str, Any], output: Path) -> None:
    names = ["a", "b", "ensemble", "student", "student_no_distillation", "student_from_a", "student_from_b"]
    assert sorted(model["name"] for model in results["models"]) == sorted(names)
    (folder,) = [path.parent for path in output.glob("*/results.json")]
    for model in results["models"]:
        found = model["evaluation"]
        low, high = found["bits_per_byte_interval"]
        assert 0 < low <= found["bits_per_byte"] <= high < 12
        predicted = json.loads((folder / model["predictions"]).read_text(encoding="utf-8"))
        assert len(predicted) == 8
        assert all(one["bytes"] > 0 for one in predicted.values())
        assert all((one["text"] is None) == (model["name"] == "ensemble") for one in predicted.values())
    assert {signal["split"] for signal in results["signals"]} == {"train", "rest", "dev", "held_out"}


def test_what_writes_nothing_has_a_dash_where_texts_are_measured(
    results: dict[str, Any], output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder,) = [path.parent for path in output.glob("*/results.json")]
    ensemble, student = (model_of(results, name) for name in ("ensemble", "student"))
    assert "exact_match" not in ensemble["evaluation"]
    assert 0 <= student["evaluation"]["exact_match"] <= 100
    lines = markdown_table(results).splitlines()  # type: ignore[arg-type]
    row = next(line for line in lines if line.startswith("| ensemble"))
    assert row.split("|")[5].strip() == "–"
    compare_runs_at([folder], as_json=True, markdown=False)
    compared = {one["model"]: one["metrics"] for one in json.loads(capsys.readouterr().out)["models"]}
    assert compared["ensemble"].keys() == {"bits_per_byte"}
    assert compared["student"].keys() == {"bits_per_byte", "exact_match"}
    assert {one.name: one.metrics.keys() for one in distil.compare(folder).models} == {
        name: one.keys() for name, one in compared.items()
    }
    compare_runs_at([folder], as_json=False, markdown=True)
    assert "| – |" in capsys.readouterr().out
    page = page_of(folder)
    assert "exact match" in page
    assert "bits per byte" in page


def test_a_search_goes_by_what_is_measured_on_the_way(output: Path) -> None:
    space = {"space": {"student.lr": {"kind": "uniform", "low": 1e-4, "high": 1e-3}}, "trials": 2}
    assert recipe_from_values(values(output, search=space), "here").search.metric == "bits_per_byte"  # type: ignore[union-attr]
    with pytest.raises(
        RecipeError, match=r"search.metric: 'exact_match' is not measured on the way, .* take bits_per_byte"
    ):
        recipe_from_values(values(output, search={**space, "metric": "exact_match"}), "here")


def test_what_share_of_texts_is_taught_is_told(results: dict[str, Any], output: Path) -> None:
    student = next(model for model in results["models"] if model["name"] == "student")
    assert 0.9 < student["training"]["taught_share"] <= 1
    said = {share: _told_of(results, share) for share in (0.5, 1.0)}
    assert said == {0.5: True, 1.0: False}


def _told_of(results: dict[str, Any], share: float) -> bool:
    """Whether a report says anything of a share that is taught."""
    models = [
        {**one, "training": {**one["training"], "taught_share": share}} if one["name"] == "student" else one
        for one in results["models"]
    ]
    return "bytes of the student's texts" in markdown_table({**results, "models": models})  # type: ignore[typeddict-item]


def test_models_learn(results: dict[str, Any]) -> None:
    """Better than eight bits a byte, which who knows nothing needs."""
    assert all(model["evaluation"]["bits_per_byte"] < 7 for model in results["models"])


def test_the_student_answers_by_itself_piece_by_piece(results: dict[str, Any], output: Path) -> None:
    answerer = load_answerer(output / model_of(results, "student")["folder"])
    request = PromptRequest(prompt="Where does Anna go in 1900?")
    *pieces, last = answerer.pieces(request)
    whole = answerer.answer(request)
    assert isinstance(whole, TextResponse)
    assert last == whole
    assert "".join(str(piece) for piece in pieces) == whole.text


def test_each_teacher_is_asked_once_whatever_the_students_and_rules(
    results: dict[str, Any], output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two teachers two passes, for the ensembles of four rules, and students of each and of each teacher alone."""
    asked: list[str] = []
    said = TextPredictor.run

    def counted(self: TextPredictor, prepared: Any) -> Any:
        asked.extend([self.model.name_or_path] * len(prepared))
        return said(self, prepared)

    monkeypatch.setattr(TextPredictor, "run", counted)
    for rule in ("mean", "geometric", "confidence", "sampled"):
        changed = values(output, ensemble={"rule": rule}, baselines=["a", "b"], seed=5, task__measures=[])
        found = run(recipe_from_values(changed | {"evaluation": {"latency_questions": 0, "bootstrap": 100}}, "here"))
        assert len(found["models"]) == 6
        assert [signal["reused"] for signal in found["signals"]] == [rule != "mean"] * 4
    assert len(set(asked)) == 2
    assert len(asked) == 2 * (32 + 8)  # the student's texts, and those by which the ensemble is measured


def test_a_student_of_a_teachers_layers_sees_into_it(output: Path) -> None:
    """Measured while it is trained, of which the best weights are kept."""
    changed = values(
        output,
        data__splits={"train": "train[:24]", "held": "train[24:32]", "dev": "train[32:40]"},
        ensemble=None,
        teachers__b=None,
        teachers__a__model=built(n_layer=3),
        student__model={"kind": "layers", "teacher": "a", "layers": [0, -1]},
        student__tokenizer=None,
        student__validation="held",
        student__best=True,
        student__evaluate_every=1,
        losses={"chunk": {}, "hidden_mse": {"layers": {-1: -1}}},
        task__measures=[],
        evaluation={"latency_questions": 0, "bootstrap": 100},
    )
    found = run(recipe_from_values(changed, "here"))
    student = model_of(found, "student")
    assert student["training"]["selection"]["metric"] == "bits_per_byte"
    assert student["evaluation"]["bits_per_byte"] < 7


_LAYERS = {"student__model": {"kind": "layers", "teacher": "a", "layers": [0, -1]}, "student__tokenizer": None}
_WORDS = {"kind": "wordpiece", "vocab_size": 300}
_BERT = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 64,
}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"teachers__a__beams": 2}, "teachers.a.beams: a teacher of texts says how likely completions are"),
        ({"teachers__a__prompt": "{question} {context}"}, "teachers.a.prompt: how prompts are worded"),
        ({"teachers__a__tokenizer": _WORDS}, "teachers.a.tokenizer: a wordpiece tokenizer that is trained here"),
        ({"student__tokenizer": {**_WORDS, "kind": "unigram"}}, "student.tokenizer: a unigram tokenizer"),
        ({**_LAYERS, "student__trim": {}}, "student.trim: a model that writes may need every token"),
        ({"windows__doc_stride": 8}, "windows.doc_stride is for windows that overlap"),
        ({"teachers__a__kind": "encoder"}, "teachers.a: an encoder model does not say how likely a text is"),
        (
            {"ensemble": {"rule": "weighted", "weights": "f1"}, "signals__held_out": "train"},
            "'f1', which is no metric of the task text; give a weight for each, or take another rule",
        ),
        ({"task": {"kind": "text", "prompt": "no place"}}, "prompt is 'no place'; expected a text with {prompt}"),
    ],
)
def test_what_the_task_would_ignore_is_refused(output: Path, changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(UserError, match=re.escape(problem)):
        recipe_from_values(values(output, **changes), "here")


def test_models_that_do_not_write_are_refused(output: Path) -> None:
    changed = values(output, student__model={"kind": "config", "architecture": "bert", "config": _BERT})
    with pytest.raises(UserError, match="a bert model does not write from left to right"):
        check_models(recipe_from_values(changed, "here"))


def test_a_loss_on_units_is_for_texts(output: Path) -> None:
    with pytest.raises(
        UserError, match=r"losses\.chunk: a loss of kind chunk compares units, which the task extractive_qa"
    ):
        recipe_from_values(several_values(output, losses={"chunk": {}}), "here")


def test_trained_models_teach_as_they_are(results: dict[str, Any], output: Path, tmp_path: Path) -> None:
    """Without a padding token of their own, too, and in half precision."""
    changed = values(output, task__measures=[], evaluation={"latency_questions": 0, "bootstrap": 100})
    for section in ("ensemble", "losses", "student"):
        changed.pop(section)
    changed["data"]["splits"] = {"dev": "train[32:40]"}
    for name in "ab":
        folder = tmp_path / name
        shutil.copytree(output / model_of(results, name)["folder"], folder)
        for beside in ("distil.json", "manifest.json"):
            (folder / beside).unlink(missing_ok=True)
        settings = json.loads((folder / "tokenizer_config.json").read_text())
        settings.pop("pad_token")
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
        changed["teachers"][name] = {"kind": "generative", "model": {"kind": "folder", "path": str(folder)}}
    changed["teachers"]["b"]["model"]["dtype"] = "bf16"
    found = run(recipe_from_values(changed, "here"))
    bits = [[model_of(of, name)["evaluation"]["bits_per_byte"] for name in "ab"] for of in (results, found)]
    assert bits[1][0] == pytest.approx(bits[0][0], rel=1e-6)
    assert bits[1][1] == pytest.approx(bits[0][1], rel=0.02)
