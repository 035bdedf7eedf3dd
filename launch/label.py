"""`distil label`: the soft labels of a recipe's teachers, for use elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING

from distil.framework.errors import RecipeError
from distil.framework.language.words import ENGLISH
from distil.framework.progress import Progress
from distil.framework.recipe.schema import Recipe
from distil.launch.console import console_progress, note
from distil.launch.quiet import be_quiet

if TYPE_CHECKING:
    from distil.framework.label import Labels


def label_recipe(path: Path, overrides: list[str], splits: list[str], to: Path | None, each_teacher: bool) -> None:
    """Label splits by the teachers of the recipe at `path`, and say where the files are. Raises DistilError."""
    be_quiet()
    from distil.framework.recipe.load import load_recipe
    from distil.launch.quiet import collect_as_usual, quiet_transformers
    from distil.launch.run import shown_path
    from distil.tracking.report import usage_sentence

    quiet_transformers()
    collect_as_usual()
    recipe = load_recipe(path, overrides, note)
    progress = console_progress()
    found = labelled(recipe, splits, to, each_teacher, progress)
    for split in found.splits:
        facts = found.facts["splits"][split]
        place = shown_path(found.folder / split)
        progress.say(
            f"{ENGLISH.counted(recipe.task.items, facts['examples'])} of '{split}': {place}.jsonl, {place}.parquet"
        )
        for name, teacher in facts["teachers"].items():
            if "usage" in teacher:
                progress.say(f"    {usage_sentence(name, teacher['usage'])}")
            if "left_out" in teacher:
                progress.say(f"    {name} says nothing of {teacher['left_out']:,}, whose answers were not valid")


def labelled(recipe: Recipe, splits: list[str], to: Path | None, each_teacher: bool, progress: Progress) -> "Labels":
    """Label splits by the teachers of a recipe, with Ray where it wants that. Raises DistilError."""
    check_asks_teachers(recipe, "label")
    from distil.framework.label import label
    from distil.launch.room import check_room_to_label
    from distil.launch.run import trainer_for
    from distil.launch.streaming import streamer_for

    stream = streamer_for(recipe, progress, trains=False)
    return label(recipe, splits, to, each_teacher, trainer_for(recipe, progress), stream, progress, check_room_to_label)


def check_asks_teachers(recipe: Recipe, what: str) -> None:
    """Refuse a recipe that searches or rehearses where its teachers alone are wanted. what: they do. Raises RecipeError."""
    if recipe.search is not None:
        raise RecipeError(f"the recipe has a section `search`, and teachers {what} without one: set search=null")
    if recipe.rehearse:
        raise RecipeError("`rehearse` tries a recipe out and asks no teacher: use `distil rehearse`, or drop it")
