"""What language models are shown before they are asked, as far as stages have to do with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from distil.framework.chat.shots import Pool, pool_of
from distil.framework.files import Json
from distil.framework.models.section import LayersModel
from distil.framework.stages.initial import student_initial
from distil.framework.stages.stage import Context, Stage
from distil.framework.teachers.base import Teacher
from distil.framework.teachers.chat import Chat


@dataclass(frozen=True)
class Shown:
    """pool: what examples are chosen from; before: the stages that leave what they are chosen by; inputs: all that it depends on."""

    pool: Pool
    before: tuple[Stage, ...]
    inputs: Json


def chosen_by_student(teacher: Teacher) -> bool:
    """Whether what a teacher is shown is chosen by the student, as it is before training."""
    return isinstance(teacher, Chat) and teacher.examples is not None and teacher.examples.by == "nearest"


def shown_to(context: Context, name: str, teacher: Teacher, others: Mapping[str, Sequence[Stage]]) -> Shown | None:
    """What teacher `name` is shown; None for one that is shown nothing. others: the stages of other teachers, the last of which leaves
    the weights. Raises DataError for a split of which nothing can be shown."""
    if not isinstance(teacher, Chat) or teacher.examples is None:
        return None
    recipe, settings = context.recipe, teacher.examples
    split, measured = context.data[settings.split], context.data[recipe.evaluation.split]
    before: tuple[Stage, ...] = ()
    student = recipe.student
    if chosen_by_student(teacher):
        assert student is not None
        copied = others[student.model.teacher] if isinstance(student.model, LayersModel) else ()
        stages = student_initial(context, copied[-1] if copied else None)
        before = (*copied, *(stage for stage in stages if stage is not None))
    pool = pool_of(
        settings.split,
        split.examples,
        measured.examples,
        before[-1].folder(context.store) / "model" if before else None,
        recipe.windows.max_length,
    )
    kept_back = {"data": split.digest, "without": measured.digest}
    return Shown(pool, before, {**kept_back, **({"student": before[-1].key} if before else {})})
