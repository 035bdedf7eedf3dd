"""The recipes that go further than the paper, on stand-ins: what they keep of single_teacher.yaml, and what is new in them."""

from pathlib import Path
from typing import Any

import pytest

from distil.framework.losses.live import layer_pairs
from distil.framework.models.configuration import read_config
from distil.framework.models.tokenizers import load_tokenizer
from distil.framework.recipe.load import load_recipe
from distil.framework.recipe.schema import Recipe
from distil.framework.run import prepare, run
from tests.hub_cache import use_cache
from tests.standin_datasets import ROWS, fill_datasets, training_texts
from tests.standins import (
    BEYOND,
    DEEP_STUDENT,
    STUDENT,
    TEACHER,
    TEACHER_LAYERS,
    put_deep_student,
    put_student,
    put_teacher,
)

FOLDER = Path(__file__).parents[2] / "recipes" / "sberquad"
QUICK = ["student.epochs=1", "evaluation.latency_questions=0", "baselines=null"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Hugging Face home with the models and datasets of the recipes that are planned or run here."""
    home = tmp_path_factory.mktemp("hugging-face")
    texts = training_texts()
    put_teacher(home, texts, TEACHER)
    put_student(home, texts)
    put_deep_student(home, texts)
    fill_datasets(home)
    return home


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder of runs, so that one teacher serves all of them."""
    return tmp_path_factory.mktemp("runs")


def shipped(name: str, output: Path, *overrides: str) -> Recipe:
    return load_recipe(FOLDER / f"{name}.yaml", [f"output={output}", *TEACHER_LAYERS.get(name, []), *overrides])


def results_of(recipe: Recipe) -> dict[str, Any]:
    return {model["name"]: model for model in run(recipe)["models"]}


@pytest.mark.parametrize("name", BEYOND)
def test_the_rest_is_that_of_the_papers_distillation(name: str, tmp_path: Path) -> None:
    recipe, paper = (shipped(one, tmp_path) for one in (name, "single_teacher"))
    assert (recipe.data.source, recipe.data.splits) == (paper.data.source, paper.data.splits)
    assert (recipe.windows, recipe.baselines, recipe.task) == (paper.windows, paper.baselines, paper.task)
    assert {kind: recipe.losses[kind] for kind in paper.losses} == dict(paper.losses)
    assert set(recipe.losses) - set(paper.losses) == ({"hidden_mse"} if name == "hidden_states" else set())
    if name != "larger_student":
        assert recipe.teachers == paper.teachers
    student, papers = recipe.student, paper.student
    assert student is not None
    assert papers is not None
    shared = ("batch_size", "warmup", "weight_decay", "clip", "split")
    assert [getattr(student, option) for option in shared] == [getattr(papers, option) for option in shared]
    if name in ("teacher_layers", "more_questions", "larger_student"):
        assert (student.lr, student.epochs) == (papers.lr, papers.epochs)


def test_more_questions_are_the_russian_ones_of_other_datasets(
    home: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_cache(home, monkeypatch)
    recipe = shipped("more_questions", output)
    context, graph = prepare(recipe)
    assert recipe.student is not None
    assert recipe.student.model.id == STUDENT  # type: ignore[union-attr]
    more = {name: [example.id for example in context.data[name].examples] for name in recipe.student.unlabelled}
    assert {name: len(ids) for name, ids in more.items()} == {
        "tydiqa": ROWS["test"] // 2,
        "tydiqa_dev": ROWS["test"] // 2,
        "xquad": ROWS["test"],
    }
    assert all(id.startswith("russian-") for name in ("tydiqa", "tydiqa_dev") for id in more[name])
    asked = {f"collect signals of rubert-base on '{name}'" for name in ("train", *more)}
    assert asked <= {stage.title for stage in graph.stages()}


def test_hidden_states_are_compared_with_the_layers_that_were_copied(
    home: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_cache(home, monkeypatch)
    whole = load_recipe(FOLDER / "hidden_states.yaml")
    assert whole.student is not None
    assert [teacher for _, teacher in layer_pairs(None, 6, 12)] == whole.student.model.layers  # type: ignore[union-attr]
    found = results_of(shipped("hidden_states", output, *QUICK))
    assert found["student"]["parameters"] < found["rubert-base"]["parameters"]
    assert found["student"]["settings"]["losses.hidden_mse.weight"] == 1.0


def test_a_bert_with_xlm_rs_tokenizer_is_trimmed_taught_and_loaded_again(
    home: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_cache(home, monkeypatch)
    (whole,) = (home / "hub" / f"models--{DEEP_STUDENT.replace('/', '--')}" / "snapshots").iterdir()
    student = results_of(shipped("deep_thin", output, *QUICK))["student"]
    folder = output / student["folder"]
    tokenizer, config = load_tokenizer(folder), read_config(folder)
    assert config.model_type == "bert"
    assert type(tokenizer).__name__ == "XLMRobertaTokenizer"
    assert config.vocab_size == len(tokenizer) < len(load_tokenizer(whole)) < read_config(whole).vocab_size
    for text in ("Кто родился в Москве?", "Мария"):
        assert tokenizer.tokenize(text) == load_tokenizer(whole).tokenize(text)
    assert tokenizer.convert_ids_to_tokens([0, 1, 2, 3]) == ["<s>", "<pad>", "</s>", "<unk>"]
