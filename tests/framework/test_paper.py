"""The table against the recipes that come with distil: each row has one, for its model, data and role."""

from pathlib import Path

import pytest

from distil.framework.errors import ModelError
from distil.framework.models.bounds import count_parameters
from distil.framework.models.build import planned_parameters, random_model
from distil.framework.models.kind import ModelKind, generator_of
from distil.framework.models.section import HubModel
from distil.framework.paper import (
    DATASET,
    PUBLISHED,
    SPLIT,
    STUDENT,
    TABLE,
    TEACHER,
    TRAINING_SPLIT,
    Row,
    published_config,
)
from distil.framework.recipe.load import load_recipe
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.tasks.text.task import Text

FOLDER = Path(__file__).parents[2] / "recipes" / "sberquad"

rows = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)


@rows
def test_every_row_has_a_recipe_that_trains_and_measures_its_model(row: Row) -> None:
    recipe = load_recipe(FOLDER / row.recipe)
    assert getattr(recipe.data.source, "id", None) == DATASET
    assert recipe.data.splits[recipe.evaluation.split] == SPLIT
    sections = list(recipe.teachers.values()) if row.role == "teacher" else [recipe.student]
    (section,) = sections
    assert section is not None
    assert isinstance(section.model, HubModel)
    assert section.model.id == row.model
    assert recipe.data.splits[section.split] == TRAINING_SPLIT
    if row.role == "student":
        assert [teacher.model.id for teacher in recipe.teachers.values()] == [TEACHER] * row.taught


@rows
def test_every_recipe_states_the_papers_figures(row: Row) -> None:
    text = " ".join((FOLDER / row.recipe).read_text().replace("\n#", " ").split())
    assert f"EM {row.exact_match:.2f}" in text
    assert f"F1 {row.f1:.2f}" in text


@rows
def test_the_document_has_the_row(row: Row) -> None:
    figures = f"{row.parameters}M | {row.exact_match:.2f} | {row.f1:.2f} | `{row.recipe}` |"
    lines = (FOLDER.parents[1] / "docs" / "paper.md").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(f"| {row.name} |")]
    assert line.endswith(figures)
    assert row.model in line or row.taught


def test_every_model_has_a_published_configuration() -> None:
    assert {row.model for row in TABLE} <= set(PUBLISHED)


# DistilRuBERT; 21M in the layers of MiniLM and 96M in its embeddings; rubert-tiny2, whose file holds 118 MB of float32.
OTHERS = {
    "DeepPavlov/distilrubert-base-cased-conversational": 135.5e6,
    "microsoft/Multilingual-MiniLM-L12-H384": 117e6,
    "cointegrated/rubert-tiny2": 29.4e6,
    "google-bert/bert-base-cased": 108e6,
    "google-bert/bert-base-multilingual-cased": 178e6,
}
WRITERS = {"HuggingFaceTB/SmolLM2-135M": 135e6, "HuggingFaceTB/SmolLM2-360M": 362e6, "Qwen/Qwen2.5-0.5B": 494e6}


def kind_of(id: str) -> ModelKind:
    try:
        return generator_of(published_config(id))
    except ModelError:
        return ExtractiveQA()


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_parameters_are_the_papers(row: Row) -> None:
    assert planned_parameters(kind_of(row.model), published_config(row.model)) == pytest.approx(
        row.parameters * 1e6, rel=0.02
    )


@pytest.mark.parametrize("id", sorted(set(PUBLISHED) - {row.model for row in TABLE}))
def test_parameters_of_the_others_are_their_authors(id: str) -> None:
    writer = WRITERS.get(id.removesuffix("-Instruct"))
    kind = Text() if writer else ExtractiveQA()
    assert planned_parameters(kind, published_config(id)) == pytest.approx(writer or OTHERS[id], rel=0.02)


def test_an_output_layer_of_its_own_is_as_large_as_the_embedding() -> None:
    for id, known in PUBLISHED.items():
        config = published_config(id)
        assert known.output_layer in (0, config.vocab_size * config.hidden_size)
        assert bool(known.output_layer) == (config.model_type == "mt5")


def test_the_student_can_be_built() -> None:
    model = random_model(ExtractiveQA(), published_config(STUDENT), seed=0)
    assert count_parameters(model) == planned_parameters(ExtractiveQA(), published_config(STUDENT))


def test_another_model_is_not_known() -> None:
    with pytest.raises(ModelError, match="no published configuration of 'bert-base-uncased'"):
        published_config("bert-base-uncased")
