"""What it takes that students learn texts that models write. Each check returns problems, in words."""

from collections.abc import Iterator

from distil.framework.recipe.schema import Recipe
from distil.framework.recipe.splits import prompts_wanted
from distil.framework.teachers.base import only_writes


def writing_problems(recipe: Recipe) -> list[str]:
    """Somebody has to write, somebody to say how likely that is, and a loss to compare it with the student."""
    return [*_silent_problems(recipe), *_student_problems(recipe)]


def _silent_problems(recipe: Recipe) -> Iterator[str]:
    for name in recipe.baselines:
        if recipe.compares and name in recipe.teachers and only_writes(recipe.teachers[name]):
            yield (
                f"baselines: '{name}' writes alone and says of no text how likely it is, which the student's losses ask for: drop it"
            )


def _student_problems(recipe: Recipe) -> list[str]:
    student = recipe.student
    if student is None or (student.completions is None and student.rounds is None):
        return []
    places = [name for name in ("completions", "rounds") if getattr(student, name) is not None]
    if not recipe.task.writes:
        return [f"student.{name}: models of the task {recipe.task.kind} write nothing: drop it" for name in places]
    if not recipe.teachers:
        return [
            f"student.{name}: there are no teachers, to write or to say how likely texts are: add `teachers`, or drop it"
            for name in places
        ]
    return [*_rounds_problems(recipe), *_split_problems(recipe)]


def _rounds_problems(recipe: Recipe) -> Iterator[str]:
    student = recipe.student
    if student is None or student.rounds is None:
        return
    if not recipe.compares:
        yield (
            f"student.rounds: nobody says that what a student writes is right, and the losses ({', '.join(recipe.losses)}) know nothing but "
            "labels: add one that compares with teachers (kl, say), or drop `rounds`"
        )
    if recipe.ensemble is not None and recipe.ensemble.needs_labels:
        yield (
            f"student.rounds: the rule '{recipe.ensemble.rule}' weighs teachers by labels, which a student's own texts lack: drop `rounds`, or "
            "take another rule"
        )


def _split_problems(recipe: Recipe) -> Iterator[str]:
    wanted = prompts_wanted(recipe)
    for place, split in wanted.items():
        if split == recipe.evaluation.split:
            yield (
                f"{place} is '{split}', by which all is measured (evaluation.split), and whose prompts are not to be learnt: name another split"
            )
        section = place.partition("[")[0]
        if [other for other in wanted if wanted[other] == split and other.startswith(f"{section}[")].index(place):
            yield f"{section} names the split '{split}' twice: drop one"
