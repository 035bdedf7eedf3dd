"""Teachers that run ahead of the student in Ray actors, and store what they say on the way."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from distil.framework.data.example import Example
from distil.framework.errors import TrainingError
from distil.framework.extras import is_there
from distil.framework.files import make_folder
from distil.framework.plugins import own_classes
from distil.framework.progress import Progress
from distil.framework.recipe.schema import Recipe
from distil.framework.signals.collect import longest_first
from distil.framework.signals.shards import SignalReader
from distil.framework.signals.source import TeacherSignals
from distil.framework.signals.teacher_pass import Streamer, TeacherPass
from distil.framework.store import Store, store_of
from distil.launch.ray_cluster import gpu_count, ray_cluster
from distil.launch.remote import StoreLocation, location_of, pack
from distil.launch.room import amounts, no_room, nodes_here
from distil.launch.streaming_actor import StreamedSignals, StreamingTeacher, fetched

# What a run that failed or was stopped waits at most for teachers to write what they know: Slurm kills after 30 seconds.
_FLUSH_SECONDS = 20


def streamer_for(recipe: Recipe, progress: Progress, trains: bool = True) -> Streamer | None:
    """What streams the recipe's signals, or None where they are collected before the student is trained.

    `auto` streams where every teacher's actor asks for a share of a GPU and the student's workers leave that many. There is
    an actor for each teacher and split. trains: whether a student is trained meanwhile, on all of its splits; else they are asked of one at a time.
    """
    from distil.framework.device import resolve_workers

    student = recipe.student
    workers = 1 if student is None else resolve_workers(recipe.engine.workers, student.batch_size)
    splits = 1 + len(student.unlabelled if student is not None else [])
    if not trains:
        workers, splits = 0, 1
    mode = recipe.signals.mode
    if mode == "auto" and not is_there("ray"):
        return None
    wanted = [teacher.actor.gpus for teacher in recipe.teachers.values()]
    fits = bool(wanted) and min(wanted) > 0 and sum(wanted) * splits <= gpu_count() - workers
    if mode == "precomputed" or (mode == "auto" and not fits):
        return None

    store = store_of(recipe)

    def stream(passes: Sequence[TeacherPass]) -> AbstractContextManager[Mapping[str, TeacherSignals]]:
        once = {str(teacher_pass.folder): teacher_pass for teacher_pass in passes}
        return _stream(list(once.values()), store, workers, recipe, progress)

    return stream


@contextmanager
def _stream(
    passes: Sequence[TeacherPass], store: Store, workers: int, recipe: Recipe, progress: Progress
) -> Iterator[Mapping[str, TeacherSignals]]:
    """See Streamer. Raises TrainingError for what the cluster can never give."""
    import ray

    from distil.framework.device import cpu_threads

    with ExitStack() as stack:
        # Always in the same order, so that two runs cannot wait for each other.
        for teacher_pass in sorted(passes, key=lambda one: one.folder):
            make_folder(teacher_pass.folder)
            stack.enter_context(store.alone_in(teacher_pass.folder))
        stack.enter_context(ray_cluster(progress, recipe.engine.dashboard, own_classes(recipe)))
        if problem := no_room(passes, workers, nodes_here(), here=False):
            raise TrainingError(problem)
        stack.enter_context(cpu_threads(_threads_left(passes)))
        progress.say(f"    streamed by Ray actors: {', '.join(_described(one) for one in passes)}")
        for one in passes:
            # What a stopped attempt left on either side; from here on only the actor adds to it.
            store.pull_folder(one.folder)
            store.push(one.folder)
        location = location_of(store)
        making = [one.folder for one in passes]
        actors = {
            str(one.folder): _start(one, store, location, recipe.engine.worker_failures, making) for one in passes
        }
        try:
            yield {str(one.folder): _handle(one, actors) for one in passes}
            _complete(passes, store, actors, progress)
        except BaseException:
            # The error that ended the run says more than one from here.
            with suppress(Exception):
                ray.wait(
                    [actor.flush.remote() for actor in actors.values()], num_returns=len(actors), timeout=_FLUSH_SECONDS
                )
            raise
        finally:
            for actor in actors.values():
                ray.kill(actor)


def _start(
    teacher_pass: TeacherPass, store: Store, location: StoreLocation, failures: int, making: Sequence[Path]
) -> Any:
    import ray

    takes = teacher_pass.teacher.actor
    actor = (
        ray.remote(StreamingTeacher)
        .options(num_cpus=takes.cpus, num_gpus=takes.gpus, max_restarts=failures, max_task_retries=-1)
        .remote(pack(replace(teacher_pass, examples=()), store, making), takes, location)
    )
    if _missing(teacher_pass):
        actor.load.remote()  # nobody waits for it; what goes wrong is told to the first who asks
    return actor


def _handle(teacher_pass: TeacherPass, actors: Mapping[str, Any]) -> StreamedSignals:
    return StreamedSignals(
        teacher_pass.name,
        actors[str(teacher_pass.folder)],
        [actors.get(str(folder)) for folder in teacher_pass.proposals],
        teacher_pass.settings.ahead,
    )


def _complete(passes: Sequence[TeacherPass], store: Store, actors: Mapping[str, Any], progress: Progress) -> None:
    """Ask about what the student did not ask for, or what was lost with an actor before it was on disk.

    Teachers that are shown others' signals come last: then these are on disk.
    """
    for teacher_pass in sorted(passes, key=lambda one: len(one.proposals)):
        name, actor, size = teacher_pass.name, actors[str(teacher_pass.folder)], teacher_pass.settings.shard_size
        fetched(actor.flush.remote(), name)
        store.pull_folder(teacher_pass.folder)
        while left := _missing(teacher_pass):
            with progress.task(f"ask {name} about the rest", len(left)) as bar:
                for begin in range(0, len(left), size):
                    part = left[begin : begin + size]
                    fetched(actor.ask.remote(part, *[None] * len(teacher_pass.proposals)), name)
                    bar.advance(len(part))
            fetched(actor.flush.remote(), name)
            store.pull_folder(teacher_pass.folder)


def _missing(teacher_pass: TeacherPass) -> list[Example]:
    """The examples about which nothing is on disk."""
    stored = SignalReader(teacher_pass.folder)
    return [example for example in longest_first(teacher_pass.examples) if example not in stored]


def _threads_left(passes: Sequence[TeacherPass]) -> int:
    """CPU threads for the student: the cores without the teachers', at least 1 and not more than before."""
    import torch

    taken = sum(one.teacher.actor.cpus for one in passes)
    return max(1, min(torch.get_num_threads(), int((os.cpu_count() or 1) - taken)))


def _described(teacher_pass: TeacherPass) -> str:
    takes = teacher_pass.teacher.actor
    return f"{teacher_pass.name} ({amounts({'CPU': takes.cpus, 'GPU': takes.gpus})}) into {teacher_pass.folder.name}"
