"""Whether there is what Ray is to share out among workers and teachers' actors: what can never be had is told, and not waited for."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence

from distil.framework.device import resolve_workers
from distil.framework.errors import RecipeError
from distil.framework.signals.teacher_pass import TeacherPass
from distil.framework.stages.graph import Completing, Graph, Labelling
from distil.framework.stages.models import ModelStages
from distil.framework.stages.stage import Context, Stage
from distil.framework.stages.supervision import Supervision
from distil.launch.ray_cluster import begins_here, gpu_count

Node = Mapping[str, float]
"""What a machine of a cluster has, by CPU, GPU and what else Ray names."""

_PRECOMPUTED = "or set signals.mode to 'precomputed'"


def check_room(context: Context, graph: Graph) -> None:
    """Refuse trainings, and streams of signals, that are to do and that this machine has too few CPUs or GPUs for. What a cluster that
    RAY_ADDRESS names has is known once it is joined. Raises RecipeError."""
    _check(_to_train(context, graph.models, graph.first))


def check_room_to_label(context: Context, labelling: Labelling) -> None:
    """The same of what it takes to label splits, of one of which at a time teachers' actors are asked. Raises RecipeError."""
    asked = (labelling.by_split[split].to_stream(context) for split in labelling.streamed)
    streams = [(0, [found.teacher_pass for found in left]) for left in asked]
    _check([*_to_train(context, labelling.teachers), *streams])


def check_room_to_complete(context: Context, completing: Completing) -> None:
    """The same of what it takes to complete prompts. Raises RecipeError."""
    _check(_to_train(context, completing.teachers))


def _check(work: Iterable[tuple[int, Sequence[TeacherPass]]]) -> None:
    """work: how many workers train, and what teachers' actors are asked meanwhile, for each thing that is to do."""
    if not begins_here():
        return
    nodes: list[Node] = []
    for workers, passes in work:
        if workers <= 1 and not passes:
            continue
        nodes = nodes or nodes_here()
        problem = no_workers(workers, nodes, here=True) or (
            no_room(passes, workers, nodes, here=True) if passes else None
        )
        if problem is not None:
            raise RecipeError(problem)


def _to_train(
    context: Context, models: Iterable[ModelStages], first: frozenset[str] = frozenset()
) -> Iterator[tuple[int, list[TeacherPass]]]:
    """Of each training that is to do its workers, and what is streamed to it. first: splits that are read before any student is trained."""
    for model in models:
        if model.training is None:
            continue
        workers = resolve_workers(context.recipe.engine.workers, model.training.batch_size)
        for trained, supervision in _trainings(model):
            if not trained.is_done(context.store):
                yield workers, _streamed(context, first, supervision)


def _trainings(model: ModelStages) -> Iterator[tuple[Stage, Supervision | None]]:
    """Those of a model, each with the supervision that it asks."""
    if model.trained is not None:
        yield model.trained, model.supervision
    yield from ((fold, None) for fold in model.folds)
    yield from ((one.trained, one.supervision if one.streamed else None) for one in model.rounds)


def _streamed(context: Context, first: frozenset[str], supervision: Supervision | None) -> list[TeacherPass]:
    """What is asked while a student is trained: what others read first is there by then."""
    if supervision is None:
        return []
    return [found.teacher_pass for found in supervision.to_stream(context) if found.split not in first]


def nodes_here() -> list[Node]:
    """The machines of the cluster that this process has joined; else this one alone, as Ray would find it."""
    import ray
    from ray._private import ray_constants
    from ray._private.utils import get_num_cpus

    if ray.is_initialized():
        return [node["Resources"] for node in ray.nodes() if node["Alive"]]
    given = json.loads(os.environ.get(ray_constants.RESOURCES_ENVIRONMENT_VARIABLE, "{}"))
    return [{"CPU": get_num_cpus(override_docker_cpu_warning=True), "GPU": gpu_count(), **given}]


def no_workers(workers: int, nodes: Sequence[Node], *, here: bool) -> str | None:
    """That there are fewer CPUs, or GPUs where there are any, than workers, in words. here: whether the nodes are this machine."""
    kind = "GPU" if gpu_count() > 0 else "CPU"
    there = int(sum(node.get(kind, 0) for node in nodes))
    if workers <= there:
        return None
    return (
        f"engine.workers is {workers}, but {'this machine' if here else 'the Ray cluster'} has {there} {kind}s, one of which each worker "
        f"needs; lower engine.workers{'' if here else ', or add nodes'}"
    )


def no_room(passes: Sequence[TeacherPass], workers: int, nodes: Sequence[Node], *, here: bool) -> str | None:
    """That there is too little for the actors of some teachers beside the student's workers, in words. here: as above."""
    gpu = gpu_count() > 0
    on_ray = workers if workers > 1 or gpu else 0  # one worker without a GPU trains in this process
    wanted = {"CPU": float(on_ray), "GPU": float(on_ray if gpu else 0)}
    there = {kind: sum(node.get(kind, 0) for node in nodes) for kind in wanted}
    for teacher_pass in passes:
        takes = {"CPU": teacher_pass.teacher.actor.cpus, "GPU": teacher_pass.teacher.actor.gpus}
        if not any(all(node.get(kind, 0) >= count for kind, count in takes.items()) for node in nodes):
            has = f"this machine has {amounts(there)}" if here else "no node of the Ray cluster has that"
            return (
                f"the actor of teacher '{teacher_pass.name}' takes {amounts(takes)}, but {has}; lower `cpus` or `gpus` of the teacher's "
                f"`actor`, {_PRECOMPUTED if here else 'or add nodes'}"
            )
        wanted = {kind: wanted[kind] + takes[kind] for kind in wanted}
    if all(wanted[kind] <= there[kind] for kind in wanted):
        return None
    return (
        f"streaming takes {amounts(wanted)} for teachers and workers together, but {'this machine' if here else 'the Ray cluster'} has "
        f"{amounts(there)}; lower engine.workers or `cpus` and `gpus` of the teachers' `actor`, {'' if here else 'add nodes, '}{_PRECOMPUTED}"
    )


def amounts(counts: Mapping[str, float]) -> str:
    """Of CPUs and GPUs, in words."""
    return " and ".join(f"{count:g} {kind}" for kind, count in counts.items() if count) or "nothing"
