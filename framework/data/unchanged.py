"""Data read again, as they were when a run was measured on them."""

from framework.data.load import Split, load_data
from framework.data.section import Data
from framework.errors import DataError
from framework.progress import SILENT, Progress
from framework.tasks.base import Task


def unchanged_split(data: Data, task: Task, name: str, digest: str, progress: Progress = SILENT) -> Split:
    """The split of this name, alone of all that the section names. Raises DataError if its digest is another one now, and
    as `load_data` does."""
    split = load_data(_only(data, name), task, progress)[name]
    if split.digest != digest:
        raise DataError(
            f"the data has changed since the run: its split '{name}' holds other questions or answers now; bring the data "
            "back, or run the recipe again"
        )
    return split


def _only(data: Data, split: str) -> Data:
    """The data of one split; a cut makes all of its splits."""
    if split in data.extra:
        extra = data.extra[split]
        return Data(source=extra.source, splits={split: extra.split})
    splits = {} if data.cut is not None else {split: data.splits[split]}
    return data.model_copy(update={"splits": splits, "extra": {}})
