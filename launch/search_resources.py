"""What a trial takes of the cluster, and how many run at once."""

from framework.errors import TrainingError
from framework.search.log import SearchLog


def workers_of(log: SearchLog) -> int:
    """Workers a trial."""
    workers = log.recipe.engine.workers
    return 1 if workers == "auto" else workers


def takes(log: SearchLog) -> dict[str, float]:
    """What each worker of a trial takes."""
    import ray

    resources = log.search.resources
    gpus = float(ray.cluster_resources().get("GPU", 0) > 0) if resources.gpus is None else resources.gpus
    return {"CPU": resources.cpus, **({"GPU": gpus} if gpus else {})}


def check_room(log: SearchLog) -> None:
    """Raises TrainingError if the cluster has no room for even one trial."""
    import ray

    if _room(log) < 1:
        each, there = takes(log), ray.cluster_resources()
        wanted = " and ".join(f"{amount * workers_of(log):g} {kind}" for kind, amount in each.items())
        found = " and ".join(f"{there.get(kind, 0):g} {kind}" for kind in each)
        raise TrainingError(
            f"a trial takes {wanted} ({workers_of(log)} worker(s)), but the Ray cluster has {found}; lower search.resources "
            "or engine.workers, or add nodes"
        )


def concurrent(log: SearchLog) -> int:
    """Trials that run at once, as large as the cluster is now."""
    room = _room(log)
    return max(1, min(room, log.search.concurrent or room))


def _room(log: SearchLog) -> int:
    import ray

    there = ray.cluster_resources()
    return min(int(there.get(kind, 0) / amount) // workers_of(log) for kind, amount in takes(log).items())
