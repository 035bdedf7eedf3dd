"""`distil search`: trials of a recipe's student, scheduled by Ray Tune; and going on with one that was stopped."""

import json
import logging
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Any

from distil.framework.data.load import Split
from distil.framework.errors import OutputError, RecipeError, TrainingError
from distil.framework.language.words import count_of
from distil.framework.plugins import own_classes
from distil.framework.progress import Progress
from distil.framework.recipe.packages import check_packages
from distil.framework.recipe.schema import Recipe
from distil.framework.search.log import SearchLog
from distil.framework.search.recipes import variants
from distil.framework.store import Store, store_of
from distil.launch.console import console_progress, note, table_console
from distil.launch.interrupt import INTERRUPT, Interrupt
from distil.launch.quiet import be_quiet
from distil.launch.search_table import SearchTable

_TUNE = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # ^C is ours
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a trial that fails has no score
    "TUNE_MAX_PENDING_TRIALS_PG": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
}


def search_recipe(path: Path, overrides: list[str]) -> None:
    """Search the recipe at `path`, or go on with its search, or rehearse it if it says so. Raises DistilError."""
    be_quiet()
    from distil.framework.recipe.load import load_recipe

    recipe = load_recipe(path, overrides, note)
    if recipe.rehearse:
        from distil.launch.rehearsal import show_rehearsal

        show_rehearsal(recipe, console_progress())
        return
    run_search(recipe, INTERRUPT)


def run_search(recipe: Recipe, interrupt: Interrupt) -> None:
    """Search, and print the trials. Raises DistilError; what is done stays done."""
    progress = console_progress()
    begin_search(recipe, progress)
    import distil.framework.run  # noqa: F401  # before the process is forked
    from distil.launch.quiet import collect_as_usual, quiet_transformers
    from distil.launch.ray_cluster import check_address
    from distil.launch.ray_workers import workers_ahead
    from distil.launch.search_table import search_table

    quiet_transformers()
    collect_as_usual()
    check_address()
    with workers_ahead():
        log = search_trials(recipe, progress, search_table, interrupt)
    _show(log, progress)


def begin_search(recipe: Recipe, progress: Progress) -> None:
    """Refuse what cannot be searched, and leave GPUs alone where trials take none. Raises RecipeError."""
    if recipe.search is None:
        raise RecipeError(f"{recipe.name} has no section `search`: add one, or use `distil run`")
    if recipe.search.resources.gpus == 0:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    check_packages(recipe)
    if recipe.engine.parallel > 1:
        raise RecipeError(
            f"engine.parallel is {recipe.engine.parallel}: a search runs its trials at once, as search.concurrent and search.resources "
            "say; set it to 1"
        )
    progress.say(f"{recipe.name}: results in {recipe.run_folder}")


def search_trials(
    recipe: Recipe, progress: Progress, table: Callable[[SearchLog], SearchTable], interrupt: Interrupt = INTERRUPT
) -> SearchLog:
    """Search what `begin_search` has let pass, and follow it with tracking. table: where events of trials go. Raises DistilError; what
    is done stays done."""
    from distil.framework.device import free_memory
    from distil.framework.locks import alone_in
    from distil.framework.run import run_shared
    from distil.framework.search.recipes import check_models_of_trials, trial_recipe
    from distil.launch.run import trainer_for
    from distil.tracking.provenance import provenance

    with alone_in(recipe.run_folder):
        check_models_of_trials(recipe)
        log = SearchLog(recipe, provenance())
        if log.trials:
            progress.say(_goes_on(log))
        with _logged(log, recipe, progress):
            data = run_shared(trial_recipe(recipe, {}, 0), trainer_for(recipe, progress), progress)
            log.note_data(data)
            free_memory()
            _run_trials(log, data, progress, table, interrupt)
    return log


def _goes_on(log: SearchLog) -> str:
    """What is there of a search, in words."""
    again = [(number, log.trials[number]["epochs"]) for number in log.unfinished]
    ended = len(log.trials) - len(again)
    left = [f"trial {number} ({_reached(epochs)})" for number, epochs in again]
    return f"goes on: {count_of(ended, 'trial')} ended before" + (f"; again {', '.join(left)}" if left else "")


def _reached(epochs: Sequence[Mapping[str, float]]) -> str:
    return f"after epoch {epochs[-1]['epoch']:g}" if epochs else "of which no epoch was measured"


@contextmanager
def _logged(log: SearchLog, recipe: Recipe, progress: Progress) -> Iterator[None]:
    """Track the search while it goes on, and note how it ends."""
    from distil.launch.run import write_page
    from distil.tracking.live import following

    with following(log.folder, recipe.tracking, progress):
        try:
            yield
        except BaseException:
            log.finish("failed")
            raise
        log.finish("finished")
        if recipe.tracking.report:
            write_page(log.folder, progress)


def _run_trials(
    log: SearchLog,
    data: Mapping[str, Split],
    progress: Progress,
    table: Callable[[SearchLog], SearchTable],
    interrupt: Interrupt,
) -> None:
    from distil.launch.ray_cluster import check_machines, ray_cluster
    from distil.launch.remote import location_of
    from distil.launch.search_group import check_room, concurrent

    os.environ.update({name: os.environ.get(name, value) for name, value in _TUNE.items()})
    from distil.launch.search_tune import OutOfTime, Trials

    with ray_cluster(progress, log.recipe.engine.dashboard, own_classes(list(variants(log.recipe)))):
        check_room(log)
        store = store_of(log.recipe)
        check_machines(location_of(store))
        log.start_clock()
        events = table(log)
        trials = Trials(log, store, events, lambda: concurrent(log), interrupt)
        try:
            if trials.left and not log.out_of_time:
                _tune(log, store, data, trials)
        except OutOfTime:
            pass
        finally:
            events.end()
    if log.out_of_time:
        progress.say(f"the search's time of {log.search.minutes:g} min is over")


def _tune(log: SearchLog, store: Store, data: Mapping[str, Split], trials: Any) -> None:
    from ray import tune
    from ray.tune import FailureConfig, RunConfig, TuneConfig, Tuner

    from distil.framework.device import resolve_precision
    from distil.launch.remote import location_of
    from distil.launch.search_group import takes, workers_of
    from distil.launch.search_trial import search_trial
    from distil.launch.search_tune import Listener, NextTrial, scheduler_for

    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    workers, each = workers_of(log), takes(log)
    _forget_tune(log, store)
    base = log.recipe.resolved()
    # `auto` would look at the machine of each trial, and teachers of another precision are others.
    base["engine"]["precision"] = resolve_precision(log.recipe.engine.precision)
    trainable = tune.with_parameters(
        search_trial,
        base=base,
        data=data,
        location=location_of(store),
        folder=str(Path.cwd()),
        sources=_sources(log.recipe, store),
        workers=workers,
        gpu="GPU" in each,
    )
    tuner = Tuner(
        tune.with_resources(trainable, tune.PlacementGroupFactory([each] * workers)),
        tune_config=TuneConfig(
            search_alg=NextTrial(trials, log.goal.mode),
            scheduler=scheduler_for(log),
            num_samples=-1,
            reuse_actors=workers == 1,  # workers that have lost each other cannot meet again in the same processes
            trial_dirname_creator=lambda trial: f"trial-{trial.config['number']}",
        ),
        run_config=RunConfig(
            name="tune",
            storage_path=str(log.folder) if store.storage is None else store.storage.uri_of(_tune_folder(log)),
            callbacks=[Listener(trials)],
            failure_config=FailureConfig(max_failures=log.recipe.engine.worker_failures),
            verbose=0,
        ),
    )
    tuner.fit()


def _tune_folder(log: SearchLog) -> str:
    return f"ray/{log.folder.name}"


def _forget_tune(log: SearchLog, store: Store) -> None:
    """Remove what Tune wrote in an attempt before; all that counts is in search.json."""
    shutil.rmtree(log.folder / "tune", ignore_errors=True)
    if store.storage is not None:
        store.storage.remove(_tune_folder(log))


def _sources(recipe: Recipe, store: Store) -> dict[str, str]:
    """Folders of models that trials may need on machines that do not see them."""
    if store.storage is None:
        return {}
    from distil.framework.search.recipes import edges, varied
    from distil.launch.remote import keep_sources

    return keep_sources([varied(recipe, {place: value}).resolved() for place, value in edges(recipe)], store)


def _show(log: SearchLog, progress: Progress) -> None:
    from distil.launch.search_table import shown_values, trials_table

    metric = log.goal.metric
    ranked = sorted(log.trials, key=lambda trial: -log.goal.gain(trial["metrics"]) if trial["metrics"] else math.inf)
    table_console().print(trials_table(log, ranked))
    states = [trial["state"] for trial in log.trials]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    progress.say(f"{count_of(len(states), 'trial')}: {counts}")
    if log.values["best"] is None:
        raise TrainingError(
            f"no trial of {log.folder} was finished; the table says why: give the search more time, or change its space"
        )
    if log.values["front"] is not None:
        numbers = ", ".join(map(str, log.values["front"]))
        progress.say(
            f"front of {metric.name} and latency: {'trials' if len(log.values['front']) > 1 else 'trial'} {numbers}"
        )
    best = log.trials[log.values["best"]]
    assert best["metrics"] is not None
    shown = f"{metric.name} {metric.text(best['metrics'][metric.name], 2)}, {shown_values(best['values'])}"
    progress.say(f"best: trial {best['number']}, {shown}")
    progress.say(f"its recipe: {log.folder}/best.yaml; its student: distil best {quote(str(log.folder))} --to FOLDER")


def resume(run: Path) -> None:
    """Go on with the run or search in `run`. Raises OutputError if there is none, or one of another recipe."""
    recipe = run / "recipe.yaml"
    if not recipe.is_file():
        raise OutputError(f"no run at {run}: expected a folder with recipe.yaml; `distil run RECIPE` makes one")
    from distil.framework.recipe.load import load_recipe
    from distil.framework.search.log import SEARCH
    from distil.launch.run import run_recipe

    overrides = [f"output={json.dumps(str(run.absolute().parent), ensure_ascii=False)}"]
    folder = load_recipe(recipe, overrides).run_folder
    if folder.name != run.absolute().name:
        raise OutputError(
            f"{recipe} is not the recipe of {run}, but one whose results lie in {folder}: it has changed, or the folder has "
            f"another name than it had. `distil run {quote(str(recipe))}` runs it as it is"
        )
    if (run / SEARCH).exists():
        search_recipe(recipe, overrides)
    else:
        run_recipe(recipe, overrides)
