"""A training's measurements on the way: when they are due, what they decide, and the weights that they chose."""

import os
import shutil
from pathlib import Path

from distil.framework.data.batches import epoch_steps
from distil.framework.files import Json
from distil.framework.training.engine import TrainingEngine
from distil.framework.training.history import VALIDATION, Report, ReportTo
from distil.framework.training.job import TrainingJob
from distil.framework.training.random_state import kept_random_state
from distil.framework.training.selection import Standing

_BEST = "best"  # a folder of the result while it is made, and of a checkpoint


class Watch:
    """Each worker has one; the first measures and keeps weights, and what it finds, all of them know."""

    def __init__(self, engine: TrainingEngine, job: TrainingJob, rank: int, report: ReportTo) -> None:
        self._engine, self._job, self._rank, self._report = engine, job, rank, report
        self._an_epoch = epoch_steps(len(job.objective.lengths), job.training.batch_size)
        self._best, self._measured = job.output / _BEST, job.output / "measured"
        self.standing = Standing()
        if rank == 0:  # what a killed attempt has left; a checkpoint has what counts
            for folder in (self._best, self._measured):
                shutil.rmtree(folder, ignore_errors=True)

    @property
    def over(self) -> bool:
        """Whether training ends here."""
        return self._job.selection is not None and self._job.selection.ends(self.standing)

    def due(self, step: int) -> bool:
        """Whether the model is measured after this step: at the end of each epoch, and as often as `evaluate_every` says."""
        every = self._job.training.evaluate_every
        often = not isinstance(every, str) and step % every == 0
        at_end = step % self._an_epoch == 0 or step == self._job.steps
        return self._job.validation is not None and step > 0 and (often or at_end)

    def look(self, step: int) -> None:
        """Measure the model as it is after this step. All workers call this together; training goes on as if nothing had happened."""
        import torch.distributed as dist

        weights = self._engine.full_weights()
        if self._rank == 0:
            try:
                with kept_random_state():
                    self._job.objective.save(self._engine.module, weights, self._measured)
                    self._note(step)
            finally:
                shutil.rmtree(self._measured, ignore_errors=True)
        del weights
        found = [self.standing.as_plain()]
        dist.broadcast_object_list(found, src=0)
        self.standing = Standing(**found[0])

    def _note(self, step: int) -> None:
        """Measure and tell of it; the weights stay if they are the best so far."""
        job, selection = self._job, self._job.selection
        assert job.validation is not None
        figures = job.validation.measure(self._measured)
        if selection is not None:
            self.standing = self.standing.after(step, figures[VALIDATION][selection.metric.name], selection.metric)
            if selection.best and self.standing.step == step:
                shutil.rmtree(self._best, ignore_errors=True)
                self._measured.rename(self._best)
        for kind, metrics in figures.items():
            self._report(Report(kind, step, step / self._an_epoch, job.steps, metrics))

    def state(self, checkpoint: Path) -> Json:
        """What a checkpoint has to hold, so that the same is decided by whoever goes on there; the first worker puts the best weights
        into its folder."""
        if self._rank == 0 and self._best.exists():
            _linked(self._best, checkpoint / _BEST)
        return self.standing.as_plain()

    def resume(self, state: Json, checkpoint: Path) -> None:
        """Go on from a checkpoint in this folder."""
        self.standing = Standing(**state)
        if self._rank == 0 and (checkpoint / _BEST).exists():
            _linked(checkpoint / _BEST, self._best)

    def facts(self, step: int) -> Json | None:
        """What came of it all, in a training that ended after `step`; None where nothing was to be chosen."""
        selection = self._job.selection
        return None if selection is None else selection.facts(self.standing, step, self._job.steps)

    def save_result(self, folder: Path) -> None:
        """Leave the chosen weights in `folder`: the best, or those that there are now. All workers call this together."""
        selection = self._job.selection
        if selection is not None and selection.best and self.standing.step is not None:
            if self._rank == 0:
                shutil.rmtree(folder, ignore_errors=True)
                self._best.rename(folder)
            return
        weights = self._engine.full_weights()
        if self._rank == 0:
            self._job.objective.save(self._engine.module, weights, folder)


def _linked(source: Path, target: Path) -> None:
    """A copy of a folder whose weights take no space where a file can have two names."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, copy_function=_link)


def _link(source: str, target: str) -> None:
    try:
        if source.endswith(".safetensors"):  # others may be written again, in place
            os.link(source, target)
            return
    except OSError:  # a disk without such
        pass
    shutil.copyfile(source, target)
