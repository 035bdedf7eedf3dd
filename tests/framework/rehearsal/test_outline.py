"""Every recipe on SberQuAD is outlined without a file of the hub."""

from pathlib import Path

import pytest
from huggingface_hub import constants

from distil.framework.errors import MissingDataError, MissingModelError
from distil.framework.models.section import LayersModel
from distil.framework.paper import PUBLISHED, TABLE
from distil.framework.recipe.load import load_recipe, recipe_from_values
from distil.framework.rehearsal.outline import ModelOutline, known_data, outline, signal_sizes
from tests.framework.tasks.text.runs import bpe, values
from tests.standins import DEEP_STUDENT, RUSSIAN_STUDENT, TINY_STUDENT

FOLDER = Path(__file__).parents[3] / "recipes" / "sberquad"
# As their authors count them.
SIZES = {row.model: row.parameters * 1e6 for row in TABLE}
SIZES |= {RUSSIAN_STUDENT: 135.4e6, DEEP_STUDENT: 117e6, TINY_STUDENT: 29.4e6}
RECIPES = sorted(path.name for path in FOLDER.glob("*.yaml"))


@pytest.fixture(autouse=True)
def _no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


def outlined(name: str, *overrides: str) -> dict[str, ModelOutline]:
    recipe = load_recipe(FOLDER / name, [*overrides, "engine.precision=fp32", "engine.workers=1"])
    data = known_data(recipe)
    assert data.splits is None
    return {model.name: model for model in outline(recipe, data.sizes)}


@pytest.mark.parametrize("name", RECIPES)
def test_its_models_have_their_published_sizes(name: str) -> None:
    recipe = load_recipe(FOLDER / name)
    models = outlined(name)
    teachers = [name for name, teacher in recipe.teachers.items() if teacher.model is not None]
    assert list(models) == [*teachers, *(["student"] if recipe.student else [])]
    for model in models.values():
        source = model.section.model
        assert model.published
        assert model.memory == 16 * model.parameters
        if isinstance(source, LayersModel):  # of 12, each of 7.1M
            less = (12 - len(source.layers)) * 7.1e6
            assert model.parameters == pytest.approx(models[source.teacher].parameters - less, rel=0.01)
        else:
            assert model.parameters - PUBLISHED[source.id].output_layer == pytest.approx(SIZES[source.id], rel=0.02)


def test_questions_are_counted_by_what_they_are_for() -> None:
    models = outlined("ensemble_generative.yaml")
    teacher, student = models["mt5-large"], models["student"]
    assert (teacher.learns, teacher.asked, teacher.measured) == (43_515, 43_515 + 5_036 + 1_813, 5_036)
    assert (teacher.trainings, student.trainings) == (1, 3)
    assert (student.learns, student.asked, student.steps) == (43_515, 0, 2 * 2720)
    alone = outlined("teacher.yaml", "teachers.rubert-base.crossfit=4")["rubert-base"]
    assert (alone.learns, alone.asked, alone.trainings) == (45_328, 0, 5)
    untrained = outlined("teacher.yaml", "teachers.rubert-base.fine_tune=null")["rubert-base"]
    assert (untrained.steps, untrained.trainings, untrained.memory) == (0, 0, 4 * untrained.parameters)


def test_live_teachers_weigh_too() -> None:
    live = ["losses.hidden_mse={teacher: rubert-base}", "losses.more={kind: hidden_mse, teacher: rubert-base}"]
    models = outlined("ensemble_encoders.yaml", *live)
    assert models["student"].live == {"rubert-base": models["rubert-base"].weights}
    assert not any(model.live for name, model in models.items() if name != "student")
    assert models["student"].memory == 16 * models["student"].parameters


def test_layers_of_a_teacher_are_outlined_too() -> None:
    model = "student.model={kind: layers, teacher: rubert-base, layers: [0, 11]}"
    models = outlined("single_teacher.yaml", model)
    assert 92e6 < models["student"].parameters < models["rubert-base"].parameters


def test_questions_of_other_datasets_are_counted_too() -> None:
    models = outlined("more_questions.yaml")
    more = 6_490 + 812 + 1_190
    assert (models["rubert-base"].learns, models["rubert-base"].asked) == (45_328, 45_328 + more)
    assert models["student"].learns == 45_328 + more
    with pytest.raises(MissingDataError):  # how many questions are Finnish is not known here
        outlined("more_questions.yaml", "data.extra.tydiqa.source.id_prefix=finnish-")


def test_what_is_neither_here_nor_published_is_missing() -> None:
    with pytest.raises(MissingDataError):
        outlined("teacher.yaml", "data.source.id=someone/questions")
    with pytest.raises(MissingModelError, match="someone/unheard-of"):
        outlined("teacher.yaml", "teachers.rubert-base.model.id=someone/unheard-of")


def test_next_tokens_are_reckoned_of_teachers_that_read_as_the_student_does(tmp_path: Path) -> None:
    losses = {"losses": {"next_token": {}, "chunk": {}}}
    shared = {"student__tokenizer": bpe(300)}  # that of the teacher a
    copied = {"student__tokenizer": None, "student__model": {"kind": "layers", "teacher": "b", "layers": [0]}}
    sizes = []
    for changes in ({}, {**losses, **shared}, {**losses, **copied}):
        recipe = recipe_from_values(values(tmp_path, **changes), "here")
        sizes.append(signal_sizes(recipe, known_data(recipe)))
    without, as_a, as_b = sizes
    assert as_a["a"] > without["a"]
    assert as_a["b"] == without["b"]
    assert as_b["b"] > without["b"]
    assert as_b["a"] == without["a"]
