"""Keys of servers, which are missed before anything is made for which answers are still to be asked for."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from distil.framework.chat.client import missing
from distil.framework.chat.estimate import Paid, PaidWriter
from distil.framework.data.example import Example
from distil.framework.errors import UserError
from distil.framework.stages.completions import Completions
from distil.framework.stages.evaluation import Measured
from distil.framework.stages.signals import Collection
from distil.framework.stages.stage import Context
from distil.framework.teachers.chat import Chat


def check_keys(
    context: Context,
    collections: Sequence[Collection],
    models: Iterable[Measured],
    completions: Iterable[Completions] = (),
) -> None:
    """Raise UserError for a teacher behind a server whose key, or URL, the environment lacks. models: those whose evaluation is to do;
    completions: what is to be written, among other things."""
    to_measure, written = {one.name: one for one in models}, list(completions)
    for name, teacher in context.recipe.teachers.items():
        problem = missing(teacher.endpoint) if isinstance(teacher, Chat) and teacher.endpoint is not None else None
        if problem is None:
            continue
        wanted: list[Sequence[Example]] = [
            one.teacher_pass.examples
            for one in collections
            if one.teacher == name and not one.stage.is_done(context.store)
        ]
        measured = context.data[context.recipe.evaluation.split].examples if name in to_measure else ()
        unwritten = [one for one in written if name in one.writing and not one.writing[name].is_done(context.store)]
        if not wanted and not measured and not unwritten:
            continue
        pools = [one.teacher_pass.inference.pool for one in collections if one.teacher == name]
        pools += [to_measure[name].inference(context).pool] if name in to_measure else []
        pool = next((one for one in pools if one is not None), None)
        if pool is not None and pool.student is not None and not pool.student.exists():
            # What is shown is not known before there is a student, and nobody has been asked with it.
            raise UserError(f"teachers.{name}.{problem}")
        inference = replace(context.inference(teacher.windows or context.recipe.windows), pool=pool)
        predictor = teacher.predictor(context.answers, inference)
        assert isinstance(predictor, Paid)
        found = predictor.estimate([example for examples in wanted for example in examples], measured)
        for one in unwritten:
            assert isinstance(predictor, PaidWriter)
            drawn = one.sampling
            found += predictor.estimate_written(one.candidates.prompts.examples, drawn.count, drawn.temperature)
        if found.wanted.requests:
            raise UserError(f"teachers.{name}.{problem}")
