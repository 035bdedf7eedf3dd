"""The plan of a recipe whose models or data are not here, from published configurations."""

from typing import TYPE_CHECKING

from framework.errors import DistilError
from framework.recipe.schema import Recipe
from framework.rehearsal.outline import KnownData, known_data, outline
from framework.tables import gigabytes, training_memory

if TYPE_CHECKING:
    from rich.console import Console


def show_outline(recipe: Recipe, missing: DistilError, console: "Console") -> None:
    """Print models, steps and memory. missing: what is not here, raised again if nothing is published in its place."""
    from rich.table import Table

    try:
        data = known_data(recipe)
        models = outline(recipe, data.sizes)
    except DistilError:
        raise missing from None
    console.print(f"{recipe.name}: results in {recipe.run_folder}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"data: {questions(data)}", highlight=False)
    table = Table("model", "role", "configuration", "parameters", "steps", "training memory", "weights", title="models")
    for model in models:
        table.add_row(
            model.name,
            model.role,
            "published" if model.published else "recipe or files",
            f"{model.parameters / 1e6:.2f}M",
            f"≥ {model.steps} x {model.trainings}" if model.training else "–",
            training_memory(model.memory, model.live) if model.training else "–",
            gigabytes(model.weights),
        )
    console.print(table)
    console.print(f"the stages are not planned: {missing}", markup=False, highlight=False, soft_wrap=True)


def questions(data: KnownData) -> str:
    """The numbers of questions, in words."""
    counts = ", ".join(f"{name} {size}" for name, size in data.sizes.items())
    return f"{counts} questions{'' if data.splits else ', as published'}"
