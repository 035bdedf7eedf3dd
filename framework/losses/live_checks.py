"""What live losses demand of the rest of a recipe, as far as the recipe alone tells."""

from collections.abc import Mapping
from typing import Any

from distil.framework.config import nearest_hint
from distil.framework.losses.live import LiveLoss, on_states
from distil.framework.recipe.schema import Recipe


def live_problems(recipe: Recipe) -> list[str]:
    """Losses that look into no teacher, or into one that is not said or not there, in words."""
    live, teachers = on_states(recipe.losses), list(recipe.teachers)
    if not live or not teachers or recipe.student is None:
        return []
    problems = []
    for name, loss in live.items():
        if loss.teacher is None and len(teachers) > 1:
            problems.append(
                f"losses.{name}: there are {len(teachers)} teachers ({', '.join(teachers)}): say which one it looks into, "
                f"for example `teacher: {teachers[0]}`"
            )
        if loss.teacher is not None and loss.teacher not in teachers:
            problems.append(
                f"losses.{name}.teacher: no teacher is called '{loss.teacher}'; {nearest_hint(loss.teacher, teachers)}"
            )
    if recipe.signals.mode == "precomputed":
        problems.append(
            f"signals.mode is precomputed, but the losses {list(live)} need a teacher that runs beside the student, as the "
            "store holds no hidden states: leave mode at auto"
        )
    if recipe.engine.compile:
        problems.append(
            f"engine.compile: the losses {list(live)} look at what layers compute inside, which compiled ones do not show: drop compile, or "
            "these losses"
        )
    if recipe.engine.cuda_graphs:
        problems.append(
            f"engine.cuda_graphs: the losses {list(live)} look at what a model computes inside, of which a recording shows its outputs alone: drop "
            "cuda_graphs, or these losses"
        )
    if recipe.student.trim is not None:
        problems.append(
            f"student.trim renumbers the student's tokens, but the losses {list(live)} let student and teacher read the same "
            "numbers: drop `trim`, or these losses"
        )
    if recipe.student.packing:
        problems.append(
            f"student.packing has layers compute without what fills texts up, but the losses {list(live)} compare their hidden states as they "
            "are: drop `packing`, or these losses"
        )
    if problems:
        return problems
    return [
        f"baselines: '{name}' would have no loss left: all look into other teachers; drop that baseline, or add a loss"
        for name in recipe.baselines
        if name in teachers
        and all(loss_name in live for loss_name in recipe.losses)
        and all(live_teacher(recipe, loss) != name for loss in live.values())
    ]


def live_teacher(recipe: Recipe, loss: LiveLoss) -> str:
    """The name of the teacher that a loss of a checked recipe looks into."""
    return loss.teacher if loss.teacher is not None else next(iter(recipe.teachers))


def live_teachers(recipe: Recipe, losses: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the teachers that any of these losses looks into."""
    return tuple(dict.fromkeys(live_teacher(recipe, loss) for loss in on_states(losses).values()))
