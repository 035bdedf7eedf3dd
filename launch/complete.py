"""`distil complete`: completions by a recipe's teachers, for students to learn."""

from pathlib import Path
from typing import TYPE_CHECKING

from distil.framework.errors import UserError
from distil.framework.progress import Progress
from distil.framework.recipe.schema import Recipe
from distil.launch.console import console_progress, note
from distil.launch.label import check_asks_teachers
from distil.launch.quiet import be_quiet

if TYPE_CHECKING:
    from distil.framework.complete import Completed


def complete_recipe(
    path: Path, overrides: list[str], split: str, to: Path | None, count: int, temperature: float | None
) -> None:
    """Have the teachers of the recipe at `path` complete a split's prompts, and say where the file is. Raises DistilError."""
    be_quiet()
    if count == 1 and temperature is not None:
        raise UserError(
            "--temperature is for completions that are drawn, and one is the likeliest: drop it, or ask for several, --count 4 say"
        )
    from distil.framework.recipe.load import load_recipe
    from distil.launch.quiet import collect_as_usual, quiet_transformers
    from distil.launch.run import shown_path

    quiet_transformers()
    collect_as_usual()
    recipe = load_recipe(path, overrides, note)
    progress = console_progress()
    found = completed(recipe, split, to, count, 1.0 if temperature is None else temperature, progress)
    facts = found.facts
    progress.say(
        f"{facts['completed']:,} of {facts['prompts']:,} prompts of '{split}' have a completion: {shown_path(found.folder / split)}.jsonl"
    )


def completed(
    recipe: Recipe, split: str, to: Path | None, count: int, temperature: float, progress: Progress
) -> "Completed":
    """Have the teachers of a recipe complete a split's prompts, trained with Ray where it wants that. Raises DistilError."""
    check_asks_teachers(recipe, "write")
    from distil.framework.complete import complete
    from distil.launch.room import check_room_to_complete
    from distil.launch.run import trainer_for

    train = trainer_for(recipe, progress)
    return complete(recipe, split, to, count, temperature, train, progress, check_room_to_complete)
