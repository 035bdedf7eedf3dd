"""Weights & Biases: one run for a run, with every model's curves and figures under its name."""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from distil.framework.errors import TrackingError
from distil.framework.recipe.sections import Tracking
from distil.tracking.content import Line
from distil.tracking.shown import Part, Shown

_SECONDS = 20.0  # for a server that does not answer


class BiasesRun:
    """A run of W&B, which goes on where an earlier process has left it. `WANDB_...` of the environment are heeded."""

    def __init__(self, folder: Path, tracking: Tracking, key: str) -> None:
        """Open it. Raises TrackingError where there is no API key, and what W&B raises."""
        import wandb

        settings = wandb.Settings(
            console="off", silent=True, disable_git=True, save_code=False, init_timeout=_SECONDS, login_timeout=_SECONDS
        )
        if os.environ.get("WANDB_MODE", "online") == "online" and not wandb.login(prompt=False, verify=False):
            raise TrackingError(
                "W&B has no API key; `wandb login`, set WANDB_API_KEY, or set WANDB_MODE=offline and send it with `wandb sync`"
            )
        self._wandb = wandb
        self._folder = folder
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or re.sub(r"[/\\#?%:]", "-", tracking.experiment),
            id=key,
            name=folder.name,
            dir=str(folder),
            resume="allow",
            reinit="create_new",
            settings=settings,
        )
        self._parts: set[str] = set()
        self.place = str(folder / "wandb") if self._run.offline else str(self._run.url)

    def begin(self, shown: Shown) -> None:
        """The recipe becomes the config."""
        self._run.config.update(shown.recipe, allow_val_change=True)  # type: ignore[no-untyped-call]

    def lines(self, part: Part, lines: Sequence[Line]) -> None:
        """Log `MODEL/METRIC` over `MODEL/step`."""
        step = f"{part.name}/step"
        if part.name not in self._parts:
            self._run.define_metric(step, hidden=True)
            self._run.define_metric(f"{part.name}/*", step_metric=step)
            self._parts.add(part.name)
        for line in lines:
            self._run.log({step: line.step, **{f"{part.name}/{name}": value for name, value in line.metrics.items()}})

    def figures(self, part: Part) -> None:
        """Note `MODEL/FIGURE` in the summary, by which runs are sorted."""
        self._run.summary.update({f"{part.name}/{name}": value for name, value in part.figures.items()})

    def table(self, shown: Shown) -> None:
        """Log the table, and take as notes whether it paid."""
        self._run.log(
            {"models": self._wandb.Table(columns=list(shown.columns), data=[list(row) for row in shown.rows])}
        )
        if shown.words:
            self._run.notes = shown.words

    def files(self, name: str, files: Iterable[Path]) -> None:
        """Log an artifact: a model, if it is a folder."""
        paths = list(files)
        kind = "model" if any(path.is_dir() for path in paths) else "results"
        artifact = self._wandb.Artifact(re.sub(r"[^\w.-]", "-", name, flags=re.ASCII)[:128], type=kind)
        for path in paths:
            for file in [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file()):
                inside = file.name if file == path else file.relative_to(path).as_posix()
                # Files of the store never change, and need no copy until they are sent.
                artifact.add_file(str(file), inside, policy="mutable" if file == path else "immutable")
        self._run.log_artifact(artifact)

    def close(self, state: str) -> None:
        """Send what waits, and end W&B's run."""
        self._run.finish(exit_code=0 if state == "finished" else 1)
