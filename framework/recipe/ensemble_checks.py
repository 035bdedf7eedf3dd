"""What rules that combine teachers demand of a recipe. Each check returns problems, in words."""

from distil.framework.config import nearest_hint
from distil.framework.ensembles.route import Route
from distil.framework.ensembles.rules import Posterior, Weighted
from distil.framework.recipe.schema import Recipe
from distil.framework.signals.algebra import concat
from distil.framework.tasks.base import Task


def ensemble_problems(recipe: Recipe) -> list[str]:
    """An ensemble needs several teachers; several teachers of a student, an ensemble."""
    names, ensemble = list(recipe.teachers), recipe.ensemble
    if ensemble is None:
        if len(names) > 1 and recipe.student is not None and recipe.distils:
            return [
                f"{len(names)} teachers ({', '.join(names)}): say how they become one, for example `ensemble: {{rule: mean}}`"
            ]
        problems = []
    elif len(names) < 2:
        return [f"`ensemble` combines teachers, and there is {len(names) or 'none'}: add teachers, or drop `ensemble`"]
    else:
        problems = ensemble.check(names) if isinstance(ensemble, Weighted | Posterior | Route) else []
        if isinstance(ensemble, Posterior) and recipe.task.unfolding(concat([])) is None:
            problems.append(
                f"ensemble: the rule posterior weighs teachers by how well they have foretold a text so far, and the task {recipe.task.kind} "
                "has no such texts: take another rule, confidence say"
            )
        problems += weight_problems(ensemble.metric, recipe.task)
        if ensemble.needs_labels and recipe.student is not None and recipe.student.unlabelled:
            problems.append(
                f"student.unlabelled: the rule '{ensemble.rule}' weighs teachers by labels, which these questions lack: drop "
                "`unlabelled`, or take another rule"
            )
    return problems


def weight_problems(name: str | None, task: Task) -> list[str]:
    """Teachers are weighed by a metric that the task has, in whose points they can be told apart."""
    usable = [metric.name for metric in task.metrics if metric.higher_is_better and not metric.optional]
    if name is None or name in usable:
        return []
    if name not in [metric.name for metric in task.metrics]:
        hint = nearest_hint(name, usable) if usable else "give a weight for each, or take another rule"
        return [f"ensemble: teachers cannot be weighed by '{name}', which is no metric of the task {task.kind}; {hint}"]
    others = f"weigh by {' or '.join(usable)}, " if usable else ""
    optional = next(metric for metric in task.metrics if metric.name == name).optional
    why = "which is not measured by signals" if optional else "of which less is better, in units of the data's own"
    return [
        f"ensemble: teachers cannot be weighed by '{name}', {why}: {others}give a weight for each, or take another rule"
    ]
