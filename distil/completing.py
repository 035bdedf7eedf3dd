"""Completions that a recipe's teachers write, in Python."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from distil._given import folder_of, name_of, number_of
from distil._process import alone, as_guest
from distil.framework.errors import UserError
from distil.framework.files import Json, read_json_lines
from distil.progress import Watch, progress_of
from distil.recipes import RecipeLike, load_recipe

if TYPE_CHECKING:
    import datasets
    import pandas  # type: ignore[import-untyped]


@dataclass(frozen=True, repr=False)
class Completions:
    """What teachers of texts write, one completion of each prompt that has any. folder: with the files; facts: completions.json, as
    docs/results.md has it."""

    folder: Path
    facts: Json

    @property
    def path(self) -> Path:
        """The JSON lines, which are data for a student."""
        return self.folder / f"{self.facts['split']}.jsonl"

    def to_pandas(self) -> "pandas.DataFrame":
        """A row for each completion."""
        import pandas

        return pandas.DataFrame(self._rows())

    def to_dataset(self) -> "datasets.Dataset":
        """The same as a Dataset."""
        import datasets

        return datasets.Dataset.from_list(self._rows())

    def __repr__(self) -> str:
        return f"Completions({str(self.path)!r}: {self.facts['completed']} of {self.facts['prompts']} prompts)"

    def _rows(self) -> list[Json]:
        return read_json_lines(self.path)


def complete(
    recipe: RecipeLike,
    *,
    split: str = "train",
    to: "str | PathLike[str] | None" = None,
    count: int = 1,
    temperature: float = 1.0,
    progress: Watch = True,
) -> Completions:
    """Have a recipe's teachers complete the prompts of a split, as `distil complete` does, and write of each the completion that they
    agree on.

    to: a folder, default: `completions` in the run's; count: completions of a prompt by each teacher, one of the likeliest tokens, or several
    drawn at `temperature`. In any thread. Raises as `run` does.
    """
    shown, folder = progress_of(progress), folder_of(to, "to")
    name_of(split, "a split's name as `split`")
    number_of(count, "count", 1, 1000, whole=True)
    number_of(temperature, "temperature", 0.01, 100)
    if count == 1 and temperature != 1:
        raise UserError(
            f"temperature {temperature:g} is for completions that are drawn, and one is the likeliest: drop it, or raise `count`"
        )
    with alone():
        checked = load_recipe(recipe)
        from distil.launch.complete import completed

        with as_guest():
            found = completed(checked, split, folder, count, temperature, shown)
    return Completions(found.folder, found.facts)
