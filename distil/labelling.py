"""Soft labels of a recipe's teachers in Python, for use elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from distil._given import folder_of, names_in, yes_or_no
from distil._process import alone, as_guest
from distil.framework.config import nearest_hint
from distil.framework.errors import OutputError
from distil.framework.files import Json
from distil.progress import Watch, progress_of
from distil.recipes import RecipeLike, load_recipe

if TYPE_CHECKING:
    import datasets
    import pandas  # type: ignore[import-untyped]


@dataclass(frozen=True)
class SoftLabels:
    """What teachers think, together, of the examples of some splits. folder: with the files; facts: labels.json, as docs/results.md has it."""

    folder: Path
    facts: Json

    @property
    def splits(self) -> list[str]:
        """The splits that are labelled, in their order."""
        return list(self.facts["splits"])

    def to_pandas(self, split: str | None = None) -> "pandas.DataFrame":
        """A row for each example of a split, default: the first one. Raises OutputError for one that is not labelled."""
        import pandas

        return pandas.read_parquet(self._file(split))

    def to_dataset(self, split: str | None = None) -> "datasets.Dataset":
        """The same as a Dataset."""
        import datasets
        import pyarrow.parquet as pq

        return datasets.Dataset(pq.read_table(self._file(split)))

    def __repr__(self) -> str:
        return f"SoftLabels({str(self.folder)!r}: {', '.join(self.splits)})"

    def _file(self, split: str | None) -> Path:
        name = self.splits[0] if split is None else split
        if name not in self.splits:
            raise OutputError(f"{self.folder} has no labels of '{name}'; {nearest_hint(name, self.splits)}")
        return self.folder / f"{name}.parquet"


def label(
    recipe: RecipeLike,
    *,
    splits: Sequence[str] = (),
    to: "str | PathLike[str] | None" = None,
    each_teacher: bool = False,
    progress: Watch = True,
) -> SoftLabels:
    """Ask a recipe's teachers, as `distil label` does, and write what they think together of each example; `run` asks nothing of it again.

    splits: default: those that the student learns from, or, without a student, all; to: a folder, default: `labels` in the run's;
    each_teacher: also what each of several teachers says. In any thread. Raises as `run` does.
    """
    shown, folder, each = progress_of(progress), folder_of(to, "to"), yes_or_no(each_teacher, "each_teacher")
    wanted = names_in(splits, "splits")
    with alone():
        checked = load_recipe(recipe)
        from distil.launch.label import labelled

        with as_guest():
            found = labelled(checked, wanted, folder, each, shown)
    return SoftLabels(found.folder, found.facts)
