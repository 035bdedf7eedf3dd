"""Keys of servers, which are missed before anything is made for which answers are still to be asked for."""

from collections.abc import Iterable, Sequence

from distil.framework.chat.client import missing
from distil.framework.chat.predictor import ChatPredictor
from distil.framework.data.example import Example
from distil.framework.errors import UserError
from distil.framework.stages.evaluation import Measured
from distil.framework.stages.signals import Collection
from distil.framework.stages.stage import Context
from distil.framework.teachers.base import is_elsewhere
from distil.framework.teachers.chat import Chat


def check_keys(context: Context, collections: Sequence[Collection], measured: Iterable[Measured]) -> None:
    """Raise UserError for a teacher behind a server whose key, or URL, the environment lacks. measured: the models whose evaluation is to do."""
    to_measure = {one.name for one in measured}
    for name, teacher in context.recipe.teachers.items():
        problem = missing(teacher.endpoint) if isinstance(teacher, Chat) and is_elsewhere(teacher) else None
        if problem is None:
            continue
        wanted: list[Sequence[Example]] = [
            one.teacher_pass.examples
            for one in collections
            if one.teacher == name and not one.stage.is_done(context.store)
        ]
        if name in to_measure:
            wanted.append(context.data[context.recipe.evaluation.split].examples)
        predictor = teacher.predictor(context.answers, context.inference(teacher.windows or context.recipe.windows))
        assert isinstance(predictor, ChatPredictor)
        if predictor.estimate([example for examples in wanted for example in examples]).wanted.requests:
            raise UserError(f"teachers.{name}.{problem}")
