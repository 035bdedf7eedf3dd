"""The table against the recipes that come with distil: each row has one, for its model, data and role."""

from pathlib import Path

import pytest

from framework.models.section import HubModel
from framework.paper.published import PUBLISHED
from framework.paper.table import DATASET, SPLIT, TABLE, TEACHER, TRAINING_SPLIT, Row
from framework.recipe_file import load_recipe

FOLDER = Path(__file__).parents[3] / "recipes" / "sberquad"

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
