"""TensorBoard: event files in the run's folder, one set a model, so that curves lie over each other."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from distil.framework.recipe.yaml_loader import to_yaml
from distil.framework.tables import markdown_rows
from distil.tracking.content import Line
from distil.tracking.shown import Part, Shown

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

FOLDER = "tensorboard"


def _plain(text: str) -> float | str:
    """A parameter, as a number if it is one: by those TensorBoard sorts."""
    try:
        return float(text)
    except ValueError:
        return text


class EventFiles:
    """Event files of a run: `tensorboard/MODEL/`, with texts in `tensorboard/`."""

    def __init__(self, folder: Path) -> None:
        self.place = str(folder / FOLDER)
        self._root = folder / FOLDER
        self._writers: dict[Path, SummaryWriter] = {}

    def begin(self, shown: Shown) -> None:
        """Write the recipe as a text."""
        self._text("recipe", f"```yaml\n{to_yaml(shown.recipe)}\n```")

    def lines(self, part: Part, lines: Sequence[Line]) -> None:
        """Write scalars by step."""
        writer = self._writer(part.name)
        for line in lines:
            for name, value in line.metrics.items():
                writer.add_scalar(name, value, line.step, line.milliseconds / 1000)
        writer.flush()

    def figures(self, part: Part) -> None:
        """Write what tables show as hyper-parameters' metrics, and everything as scalars `final/...`."""
        from torch.utils.tensorboard.summary import hparams

        writer = self._writer(part.name)
        for name, value in part.figures.items():
            writer.add_scalar(f"final/{name}", value, 0)
        shown = {f"table/{name}": part.figures[name] for name in part.headline if name in part.figures}
        # What `add_hparams` does with a further file of events, which TensorBoard would read instead of this one.
        assert writer.file_writer is not None
        for summary in hparams({name: _plain(text) for name, text in part.params.items()}, shown):
            writer.file_writer.add_summary(summary)
        for name, value in shown.items():
            writer.add_scalar(name, value, 0)
        writer.flush()

    def table(self, shown: Shown) -> None:
        """Write the table as a text."""
        self._text("results", f"{markdown_rows(shown.columns, shown.rows, left=2)}\n\n{shown.words}")

    def files(self, name: str, files: Iterable[Path]) -> None:
        """Nothing: TensorBoard keeps no files, and these lie beside its own."""

    def close(self, state: str) -> None:
        """Close the event files."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _text(self, name: str, text: str) -> None:
        writer = self._writer(".")
        writer.add_text(name, text, 0)
        writer.flush()

    def _writer(self, name: str) -> "SummaryWriter":
        from torch.utils.tensorboard import SummaryWriter

        folder = self._root / name
        if folder not in self._writers:
            self._writers[folder] = SummaryWriter(str(folder))
        return self._writers[folder]
