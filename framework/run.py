"""Running a recipe, from data to results."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from distil.framework.basis import basis_of, note_finished
from distil.framework.data.example import described
from distil.framework.data.load import Split, load_data
from distil.framework.data.measured import noting_what_is_learnt, noting_what_is_not_taught
from distil.framework.device import device_kind, resolve_precision
from distil.framework.digest import differences, in_words
from distil.framework.ensembles.route import column_of
from distil.framework.errors import RecipeError
from distil.framework.export.cards import write_cards
from distil.framework.export.finished_run import FinishedRun
from distil.framework.files import write_atomic
from distil.framework.locks import alone_in
from distil.framework.outcome import Provenance, RunResults
from distil.framework.progress import SILENT, Progress
from distil.framework.recipe.load import as_yaml
from distil.framework.recipe.packages import check_packages
from distil.framework.recipe.schema import Recipe
from distil.framework.recipe.splits import fitted_task, labels_unread, learnt_splits, prompts_alone, trainings
from distil.framework.results import Results
from distil.framework.signals.teacher_pass import Streamer
from distil.framework.stages.graph import Graph, build_graph
from distil.framework.stages.keys import check_keys
from distil.framework.stages.stage import Context, Stage
from distil.framework.stages.watching import chosen
from distil.framework.store import Artifact, store_of
from distil.framework.training.job import Trainer
from distil.framework.training.loop import train_in_process

Watch = Callable[[Path], AbstractContextManager[object]]


def prepare(
    recipe: Recipe,
    train: Trainer = train_in_process,
    stream: Streamer | None = None,
    progress: Progress = SILENT,
    data: Mapping[str, Split] | None = None,
) -> tuple[Context, Graph]:
    """Load the data and lay out the stages of a recipe; nothing is made yet. Raises UserError.

    data: the recipe's, if they are at hand.
    """
    context = context_of(recipe, train, stream, progress, data)
    return context, build_graph(context)


def context_of(
    recipe: Recipe,
    train: Trainer,
    stream: Streamer | None,
    progress: Progress,
    data: Mapping[str, Split] | None = None,
    prompts: frozenset[str] = frozenset(),
) -> Context:
    """Load the data of a recipe, and settle what its stages share; see `prepare`. prompts: splits that are completed beside what the
    recipe does."""
    check_packages(recipe)
    if recipe.signals.mode == "streamed" and stream is None:
        raise RecipeError("signals.mode is 'streamed', which takes Ray; use `distil run`, or set it to 'precomputed'")
    if data is None:
        alone = prompts_alone(recipe, prompts)
        data = load_data(
            recipe.data, recipe.task, progress, column_of(recipe.ensemble), alone, unread=labels_unread(recipe)
        )
        data = {**data, recipe.evaluation.split: _measured(recipe, data, progress)}
    return Context(
        recipe=recipe,
        task=fitted_task(recipe, data),
        data=data,
        store=store_of(recipe),
        precision=resolve_precision(recipe.engine.precision),
        device=device_kind(),
        train=train,
        stream=None if recipe.signals.mode == "precomputed" else stream,
        progress=progress,
    )


def _measured(recipe: Recipe, data: Mapping[str, Split], progress: Progress) -> Split:
    """The split that all is measured on; what is learnt of it is said, and noted, and which of its labels nobody is taught."""
    split = data[recipe.evaluation.split]
    found = noting_what_is_learnt(split, {name: data[name] for name in learnt_splits(recipe)})
    trained = {name: data[name] for _, name in trainings(recipe).values()}
    found = noting_what_is_not_taught(found, trained, recipe.task)
    new = {kind: note for kind, note in found.notes.items() if kind not in split.notes}
    for line in described(new, recipe.task.items):
        progress.say(f"{recipe.evaluation.split}: {line}")
    return found


def run(
    recipe: Recipe,
    train: Trainer = train_in_process,
    stream: Streamer | None = None,
    progress: Progress = SILENT,
    provenance: Provenance | None = None,
    watch: Watch = lambda folder: nullcontext(),
    check: Callable[[Context, Graph], None] = lambda context, graph: None,
) -> RunResults:
    """Run all stages of a recipe that are not done yet, and return its results.

    train: how trainings run (here, or in Ray workers); stream: how teachers are asked while the student is trained, None:
    they are asked before; provenance: noted in the results as it is; watch: a context
    around the run that may follow its folder, as tracking does; check: looks at the stages before any is made, and raises for those that
    cannot be.
    Raises UserError for what the user can put right and DistilError for other failures; what is done stays done.
    """
    began = time.time()
    basis = basis_of(recipe)  # before anything is read that may change meanwhile
    context, graph = prepare(recipe, train, stream, progress)
    check(context, graph)
    with alone_in(recipe.run_folder):
        results = _run(context, graph, provenance or {}, watch, began)
        stages = list(graph.stages())
        accepted = any(stage.key.taken is not None for stage in stages)  # others may be there another time
        made = [(stage.title, stage.folder(context.store)) for stage in stages]
        note_finished(recipe, None if accepted else basis, made)
        context.store.push(recipe.run_folder)
        return results


def _run(context: Context, graph: Graph, provenance: Provenance, watch: Watch, began: float) -> RunResults:
    recipe = context.recipe
    context.store.check()
    _check_keys(context, graph)
    results = Results(context, graph, provenance)
    write_atomic(recipe.run_folder / "recipe.yaml", as_yaml(recipe))
    results.save()
    with watch(recipe.run_folder):
        try:
            _run_stages(context, graph, results, began)
            results.compare(context)
            split = context.data[recipe.evaluation.split]
            write_cards(FinishedRun(results.values, recipe, recipe.run_folder.parent), split.examples, context.progress)
        except BaseException:
            results.finish("failed")
            raise
        results.finish("finished")
    return results.values


def run_shared(recipe: Recipe, train: Trainer = train_in_process, progress: Progress = SILENT) -> Mapping[str, Split]:
    """Run all stages of a recipe that belong to no student: teachers and their signals; returns the data.

    Raises as `run` does.
    """
    context, graph = prepare(recipe, train, progress=progress)
    context.store.check()
    _check_keys(context, graph)
    stages = list(graph.shared())
    for number, stage in enumerate(stages, start=1):
        make(context, stage, f"{number}/{len(stages)}")
    return context.data


def _check_keys(context: Context, graph: Graph) -> None:
    """Raise UserError for a teacher behind a server whose key is not there, and that is to be asked."""
    to_measure = [model.measured for model in graph.models if not model.evaluation.is_done(context.store)]
    check_keys(context, list(graph.collections.values()), to_measure, graph.completions)


def produce(context: Context, stage: Stage) -> Artifact:
    """The result of a stage: the finished one, or else made now."""
    return context.store.produce(stage.key, stage.make)


def make(context: Context, stage: Stage, place: str, began: float = math.inf) -> Artifact:
    """The result of a stage, with its files here; the progress is told what is made, and what is there. place: "2/5"; began: when the run
    did, if others make stages beside it."""
    done = context.store.find(stage.key)
    told = ": done beside this" if done is not None and done.finished >= began else _told(context, stage)
    context.progress.say(f"[{place}] {stage.title}{told}")
    made = produce(context, stage)
    context.store.bring(made.folder)
    return made


def _told(context: Context, stage: Stage) -> str:
    """What is known of a stage before it is run."""
    done = context.store.find(stage.key)
    other = context.store.of_other_versions(stage.key) if done is None else None
    if done is not None and stage.key.taken is None:
        return ": done already"
    if done is not None:
        return f": done already, {in_words(differences(done.versions, dict(stage.key.versions)))}, and accepted"
    if other is not None:
        differ = in_words(differences(other.versions, dict(stage.key.versions)))
        return f": done already {differ}, and made anew; engine.accept_versions=true takes what is there"
    return ""


def _run_stages(context: Context, graph: Graph, results: Results, began: float) -> None:
    """began: in Unix time; what is found done and is not older was made beside this process, see `help_along`."""
    stages = list(graph.stages())
    if context.recipe.engine.parallel == 1:
        for number, stage in enumerate(stages, start=1):
            _begin(context, stage, results)
            results.note(stage, make(context, stage, f"{number}/{len(stages)}"))
        return
    left = list(stages)
    while left:
        stage = _next(context, left) or _waited(context, left)
        left.remove(stage)
        _begin(context, stage, results)
        made = make(context, stage, f"{stages.index(stage) + 1}/{len(stages)}", began)
        if made.reused and made.finished >= began:
            _tell_chosen(context, graph, stage, made)
        results.note(stage, replace(made, reused=made.finished < began))


def _tell_chosen(context: Context, graph: Graph, stage: Stage, made: Artifact) -> None:
    """Say what measurements decided about a training, which nobody heard of where it was made."""
    for model in graph.models:
        if model.trained is not None and model.training is not None and model.trained.digest == stage.digest:
            if said := chosen(context, model.name, model.training, made.facts):
                context.progress.say(f"    {said}")
            return


def _begin(context: Context, stage: Stage, results: Results) -> None:
    if not stage.is_done(context.store):
        results.begin(stage)


def _next(context: Context, left: Sequence[Stage]) -> Stage | None:
    """The first of the stages that is left to make and made by nobody else, with all made that it needs; else one that is done."""
    store, made_here = context.store, {stage.digest for stage in left}
    done = [stage for stage in left if stage.is_done(store)]
    if done:
        return done[0]
    ready = (stage for stage in left if not any(part.digest in made_here for part in stage.key.parts))
    return next((stage for stage in ready if not store.is_being_made(stage.key)), None)


def _waited(context: Context, left: Sequence[Stage]) -> Stage:
    """The next stage once there is one: all that could be made now are made by others."""
    with context.progress.task("waiting for stages that are made beside this one", len(left), "stages") as bar:
        while (stage := _next(context, left)) is None:
            time.sleep(0.2)
            bar.advance(0)  # by which a wish to stop is heard
    return stage


def help_along(recipe: Recipe, train: Trainer = train_in_process) -> None:
    """Make stages of a run that goes on in another process and that nobody makes yet, until none is left. What fails is left to the
    run, which meets the same."""
    context, graph = prepare(recipe, train)
    left = [stage for stage in graph.stages() if not stage.is_done(context.store)]
    while left:
        stage = _next(context, left) or _waited(context, left)
        produce(context, stage)
        left.remove(stage)
