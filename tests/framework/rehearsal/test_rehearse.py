"""Rehearsals of tiny models that stand for published ones."""

import json
from pathlib import Path
from typing import Any

import psutil
import pytest

from distil.framework.data.load import Split
from distil.framework.device import available_bytes
from distil.framework.models.tokenizers import load_model_tokenizer
from distil.framework.paper import PUBLISHED, Published, published_config
from distil.framework.recipe.load import recipe_from_values
from distil.framework.recipe.schema import Recipe
from distil.framework.rehearsal.outline import KnownData, ModelOutline, known_data, outline
from distil.framework.rehearsal.rehearse import STEPS, PeakMemory, Rehearsed, obstacle, rehearse
from tests.tiny import tiny_values
from tests.waiting import until

SIZES = {"train": 45_328, "dev": 5_036}
NOT_HERE = KnownData(SIZES, None)
TINY = {
    "bert": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32},
    "t5": {"d_model": 32, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 4},
    "gpt2": {"n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 512},
    "distilbert": {"dim": 32, "n_layers": 1, "n_heads": 2, "hidden_dim": 32},
}
TOKENIZERS: dict[str, Any] = {"bert": "wordpiece", "t5": "unigram", "gpt2": "bpe", "distilbert": "wordpiece"}


@pytest.fixture(autouse=True)
def _published(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, sizes in TINY.items():
        monkeypatch.setitem(PUBLISHED, f"tiny/{name}", Published(name, 1500, TOKENIZERS[name], sizes))


def recipe(output: Path, teacher: str) -> Recipe:
    """One teacher, taken from the hub, and a student from there."""
    section = {
        "kind": "encoder" if teacher == "bert" else "generative",
        "model": {"kind": "hub", "id": f"tiny/{teacher}"},
        "fine_tune": {"lr": 1e-3, "epochs": 2, "batch_size": 4, "micro_batch": 2},
        **({} if teacher == "bert" else {"max_answer": 4}),
    }
    student = {"model": {"kind": "hub", "id": "tiny/distilbert"}, "lr": 1e-3, "epochs": 3, "batch_size": 4}
    student |= {"trim": {"splits": ["train"]}}
    changes = {"teachers": {"teacher": section}, "student": student, "windows": {"max_length": 256}}
    return recipe_from_values(tiny_values(output, **changes), "here")


@pytest.mark.parametrize("teacher", ["bert", "t5", "gpt2"])
def test_a_teacher_is_trained_asked_and_measured(teacher: str, tmp_path: Path) -> None:
    made = recipe(tmp_path / "runs", teacher)
    model = outline(made, SIZES)[0]
    assert obstacle(model) is None
    seen = rehearse(made, model, NOT_HERE, tmp_path / "rehearsal")
    assert min(seen.step, seen.ask, seen.evaluate, seen.opening) > 0
    assert 1 <= seen.windows < 3
    assert 64 < seen.tokens <= 256
    assert seen.peak > 16 * model.parameters
    standin = tmp_path / "rehearsal" / "stand-in"
    assert 200 < len(load_model_tokenizer(standin)) <= published_config(f"tiny/{teacher}").vocab_size
    assert not (tmp_path / "runs").exists()


def test_the_student_is_trained_and_measured(tmp_path: Path) -> None:
    made = recipe(tmp_path / "runs", "bert")
    model = outline(made, SIZES)[-1]
    data = known_data(made)
    seen = rehearse(made, model, data, tmp_path / "rehearsal")
    asked = json.loads((tmp_path / "rehearsal" / "train.json").read_text())
    of_recipe = {example.context for example in data.splits["train"].examples}  # type: ignore[index]
    assert len(asked) == STEPS * 4
    assert {row["context"] for row in asked} <= of_recipe
    assert (seen.ask, model.asked) == (0.0, 0)
    (history,) = (tmp_path / "rehearsal" / "store").glob("models/*/history.jsonl")
    assert history.read_text().count('"kind": "step"') == STEPS
    (whole,) = (tmp_path / "rehearsal" / "store").glob("initial/*/model/config.json")  # not trimmed to a few questions
    assert json.loads(whole.read_text())["vocab_size"] == 1500


def test_a_split_without_labels_and_fewer_examples_than_two_batches(tmp_path: Path) -> None:
    made = recipe(tmp_path / "runs", "bert")
    whole = known_data(made).splits
    assert whole is not None
    unlabelled = Split([example.without_label() for example in whole["train"].examples])
    data = KnownData(SIZES, {"train": unlabelled, "dev": Split(whole["dev"].examples[:3])})
    seen = rehearse(made, outline(made, SIZES)[-1], data, tmp_path / "rehearsal")
    assert min(seen.step, seen.evaluate) > 0
    (history,) = (tmp_path / "rehearsal" / "store").glob("models/*/history.jsonl")
    assert history.read_text().count('"kind": "step"') == 1


def test_the_whole_recipe_is_reckoned_from_what_was_seen(tmp_path: Path) -> None:
    values = recipe(tmp_path, "bert").resolved()
    values["evaluation"]["latency_questions"] = 12
    values["data"]["extra"] = {"held": {"source": values["data"]["source"]}}
    values["student"] |= {"validation": "held", "evaluate_every": 1000}
    plain = recipe_from_values(values, "here")
    values["evaluation"]["during_training"] = True
    values["teachers"]["teacher"]["fine_tune"]["validation"] = "held"
    watched = recipe_from_values(values, "here")

    sizes = {**SIZES, "held": 300}
    (teacher, student), (teacher_watched, student_watched) = outline(plain, sizes), outline(watched, sizes)
    seen = Rehearsed(step=0.5, windows=1.25, tokens=200.0, ask=0.01, evaluate=0.02, alone=0.1, opening=2.0, peak=0)
    steps = 1.25 * 45_328 / 4
    assert seen.training_seconds(teacher) == pytest.approx(2 * steps * 0.5)
    alone = 12 + 3 + 4  # three rounds, of which each begins with one that does not count, the first with five
    measured = 2.0 + 0.02 * 5_036 + 0.1 * alone
    assert seen.measuring_seconds(teacher) == pytest.approx(measured)
    assert seen.seconds(teacher) == pytest.approx(2 * steps * 0.5 + 0.01 * 45_328 + measured)
    assert seen.measuring_seconds(teacher_watched) == pytest.approx(measured + 2 * (2.0 + 0.02 * 300))
    looks = 3 + int(3 * steps // 1000)
    assert (student.trainings, student.measured, student.looks(seen.steps(student))) == (2, 5_036, looks)
    assert seen.seconds(student) == pytest.approx(2 * (3 * steps * 0.5 + measured + looks * (2.0 + 0.02 * 300)))
    assert seen.measuring_seconds(student_watched) == pytest.approx(
        2 * (measured + looks * (2.0 + 0.02 * (300 + 5_036)))
    )


def test_models_that_do_not_fit_are_only_planned(tmp_path: Path) -> None:
    made = recipe(tmp_path, "bert")
    (teacher, _) = outline(made, SIZES)
    larger = {**vars(teacher), "memory": float(available_bytes())}
    assert "GB that are free" in str(obstacle(ModelOutline(**larger)))


def made_of_layers(output: Path, **teacher: Any) -> Recipe:
    values = recipe(output, "bert").resolved()
    values["teachers"]["teacher"] |= teacher
    values["student"] |= {"model": {"kind": "layers", "teacher": "teacher", "layers": [0]}, "trim": None}
    return recipe_from_values(values, "here")


def test_a_student_made_of_a_published_teachers_layers_is_trained_too(tmp_path: Path) -> None:
    made = made_of_layers(tmp_path / "runs")
    model = outline(made, SIZES)[-1]
    assert obstacle(model) is None
    assert rehearse(made, model, NOT_HERE, tmp_path / "rehearsal").step > 0
    (first,) = (tmp_path / "rehearsal" / "store").glob("initial/*/model/config.json")
    config = json.loads(first.read_text())
    assert (config["model_type"], config["num_hidden_layers"], config["vocab_size"]) == ("bert", 1, 1500)


def test_one_of_a_teacher_that_nobody_published_is_only_planned(tmp_path: Path) -> None:
    config = {"kind": "config", "architecture": "bert", "config": TINY["bert"]}
    made = made_of_layers(tmp_path, model=config, tokenizer={"kind": "wordpiece", "vocab_size": 500})
    assert "without a published configuration" in str(obstacle(outline(made, SIZES)[-1]))


def test_the_peak_of_memory_is_seen_though_it_is_gone() -> None:
    with PeakMemory() as memory:
        before = psutil.Process().memory_info().rss
        ballast = bytearray(b"x") * 300_000_000
        until(lambda: memory.peak > before + 200_000_000)
        del ballast
        left = psutil.Process().memory_info().rss
    assert memory.peak > left + 200_000_000
