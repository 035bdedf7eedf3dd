"""`distil run`: the framework's run, with Ray workers where the recipe wants several, and tracking beside it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shlex import quote

from distil.framework.errors import RecipeError, StoreError, first_line
from distil.framework.outcome import RunResults
from distil.framework.plugins import own_classes
from distil.framework.progress import Progress
from distil.framework.recipe.schema import Recipe
from distil.framework.tasks.base import Task
from distil.framework.tasks.registry import task_of
from distil.framework.training.history import ReportTo
from distil.framework.training.job import Trainer, TrainingJob, TrainingSummary
from distil.launch.console import console_progress, note, table_console
from distil.launch.quiet import be_quiet, collect_as_usual


def run_recipe(path: Path, overrides: list[str]) -> None:
    """Run the recipe at `path` and print its table, or rehearse it if it says so. Raises DistilError."""
    be_quiet()
    from distil.framework.recipe.load import load_recipe

    recipe = load_recipe(path, overrides, note)
    progress = console_progress()
    if recipe.rehearse:
        from distil.launch.rehearsal import show_rehearsal

        show_rehearsal(recipe, progress)
        return
    if recipe.search is not None:
        raise RecipeError(
            f"{path} has a section `search`: use `distil search {path}`, or `distil run {path} search=null` to run the "
            "recipe as it is without it"
        )
    progress.say(f"{recipe.name}: results in {shown_path(recipe.run_folder)}")
    results = finished(recipe, progress)
    if results is None:
        results = _run(recipe, progress)

    from distil.tracking.report import print_report

    print_report(results, table_console())
    progress.say(f"results: {shown_path(recipe.run_folder)}/results.json, results.md, predictions/")
    task = task_of(results, recipe.task)
    asked = "student" if recipe.student is not None else "teacher"
    progress.say(f"ask the {asked}: distil answer {quote(shown_path(recipe.run_folder))} {options_asking(task)}")


def options_asking(task: Task) -> str:
    """The options of `distil answer` that a question takes: those that have to be there, by the data too, or else the first."""
    fields, demanded = task.request.model_fields, {asked.name for asked in task.fields if asked.required}
    names = [name for name, field in fields.items() if field.is_required() or name in demanded] or list(fields)[:1]
    return " ".join(f"--{name.replace('_', '-')} '...'" for name in names)


def finished(recipe: Recipe, progress: Progress) -> RunResults | None:
    """The results of a run that is finished, and has been tracked, with nothing changed since: it takes no library to know."""
    from distil.framework.basis import finished_run
    from distil.tracking.sent import is_sent

    found = finished_run(recipe)
    if found is None or not is_sent(recipe.run_folder, recipe.tracking):
        return None
    for number, title in enumerate(found.stages, start=1):
        progress.say(f"[{number}/{len(found.stages)}] {title}: done already")
    return found.results


def _run(recipe: Recipe, progress: Progress) -> RunResults:
    from distil.launch.parallel import helpers
    from distil.launch.quiet import quiet_transformers
    from distil.launch.ray_workers import workers_ahead

    quiet_transformers()
    import distil.framework.run  # noqa: F401  # before the process is forked

    collect_as_usual()
    with workers_ahead() if _takes_ray(recipe) else helpers(recipe):
        return tracked_run(recipe, progress)


def tracked_run(recipe: Recipe, progress: Progress) -> RunResults:
    """Run a recipe, with Ray workers where it wants several, follow it with tracking, and write its table. Raises DistilError."""
    from distil.framework.recipe.packages import most_workers
    from distil.framework.run import run
    from distil.launch.room import check_room
    from distil.launch.streaming import streamer_for
    from distil.tracking.provenance import provenance

    stream = streamer_for(recipe, progress)
    if recipe.engine.dashboard and stream is None and most_workers(recipe) == 1:
        raise RecipeError(
            "engine.dashboard shows what Ray does, and nothing of this recipe is done by Ray here: drop it"
        )
    return run(
        recipe,
        train=trainer_for(recipe, progress),
        stream=stream,
        progress=progress,
        provenance=provenance(),
        watch=lambda folder: _tracked(folder, recipe, progress),
        check=check_room,
    )


def _takes_ray(recipe: Recipe) -> bool:
    """Whether something of the recipe is done by Ray's workers, on a machine without GPUs."""
    return recipe.engine.workers not in (1, "auto") or recipe.signals.mode == "streamed"


@contextmanager
def _tracked(folder: Path, recipe: Recipe, progress: Progress) -> Iterator[None]:
    """Track the run while it goes on, and write its table and its page last."""
    from distil.framework.files import write_atomic
    from distil.framework.results import read_results
    from distil.tracking.live import following
    from distil.tracking.report import markdown_table

    with following(folder, recipe.tracking, progress):
        try:
            yield
        finally:
            with suppress(OSError, StoreError):  # the run's own error, if there is one, says more
                write_atomic(folder / "results.md", markdown_table(read_results(folder)))
        if recipe.tracking.report:
            write_page(folder, progress)


def write_page(folder: Path, progress: Progress) -> None:
    """Write the page of a run, or a search, that has ended; what fails there is said, and is no failure of the run."""
    from distil.framework.extras import command, is_there
    from distil.framework.files import write_atomic

    if not is_there("matplotlib"):
        progress.say(f"no report.html, as matplotlib is not installed; to have it: {command('matplotlib')}")
        return
    from distil.tracking.html.page import page_of

    try:
        write_atomic(folder / "report.html", page_of(folder))
    except Exception as error:
        progress.say(
            f"there is no report.html ({first_line(error)}); `distil report --html {quote(shown_path(folder))}` makes it"
        )


def shown_path(path: Path) -> str:
    """A path as people read it: from here, if it is below."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def trainer_for(recipe: Recipe, progress: Progress) -> Trainer:
    """A trainer that looks at each job's number of workers."""

    def train(job: TrainingJob, report: ReportTo) -> TrainingSummary:
        if job.workers == 1 and not _ray_shares_out_gpus():
            from distil.framework.training.loop import train_in_process

            return train_in_process(job, report)
        from distil.launch.ray_training import train_on_ray

        return train_on_ray(job, report, progress, own_classes(recipe))

    return train


def _ray_shares_out_gpus() -> bool:
    """Whether streaming teachers may hold GPUs of this machine: then Ray has to say which one is the worker's."""
    from distil.launch.ray_cluster import gpu_count

    if gpu_count() == 0 or "ray" not in sys.modules:
        return False
    import ray

    return bool(ray.is_initialized())
