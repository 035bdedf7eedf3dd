"""Teachers that share a student's tokens: those that are asked about next ones, and how live ones come into its training."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distil.framework.errors import ModelError
from distil.framework.losses.base import is_of_tokens
from distil.framework.losses.live import LiveLoss, Term, on_logits, on_states
from distil.framework.losses.live_checks import live_teacher
from distil.framework.models.locate import tokenizer_folder
from distil.framework.models.probe import most_tokens
from distil.framework.models.section import LayersModel, TrainedTokenizer
from distil.framework.models.tokenizers import load_model_tokenizer, load_tokenizer
from distil.framework.plugins import named_in_errors
from distil.framework.recipe.schema import Recipe
from distil.framework.recipe.sections import Student
from distil.framework.stages.initial import trained_tokenizer
from distil.framework.stages.planned import planned_config
from distil.framework.stages.stage import Context, Stage
from distil.framework.teachers.base import Teacher, only_writes
from distil.framework.training.distillation import Distillation
from distil.framework.training.items import Items
from distil.framework.training.live import LiveDistillation, check_states
from distil.framework.training.objective import Objective

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def shared_tokenizer(
    context: Context, losses: Mapping[str, Term], tokenizer: "PreTrainedTokenizerFast", live: Mapping[str, Stage]
) -> Any:
    """The student's tokenizer, or a live teacher's that is the same but also gives the token types which that one needs.

    Raises ModelError if they are not the same.
    """
    result = tokenizer
    for name, loss in on_states(losses).items():
        other = load_model_tokenizer(_folder(context, live[name]))
        if not same_tokenizer(tokenizer, other):
            raise unlike_tokenizers(name, live_teacher(context.recipe, loss))
        if "token_type_ids" in other.model_input_names:
            result = other
    return result


def student_objective(
    context: Context, losses: Mapping[str, Term], live: Mapping[str, Stage], items: Items, seed: int
) -> Objective:
    """What a student is trained towards."""
    on_items = Distillation(context.task, items, on_logits(losses), seed)
    if not live:
        return on_items
    folders = {name: _folder(context, stage) for name, stage in live.items()}
    return LiveDistillation(on_items, on_states(losses), folders, context.precision)


def _folder(context: Context, stage: Stage) -> Path:
    return stage.result(context.store) / "model"


def check_live(recipe: Recipe, name: str, loss: LiveLoss) -> None:
    """Refuse models whose insides the loss `name` cannot compare. Raises ModelError."""
    called = live_teacher(recipe, loss)
    teacher = recipe.teachers[called]
    config = planned_config(recipe, teacher) if teacher.model is not None else None
    if config is None or teacher.model_kind(recipe.task, config) is not recipe.task:
        wanted = "a generative model" if recipe.task.writes else "an encoder"
        raise ModelError(
            f"losses.{name}: teacher '{called}' is of kind {teacher.kind}, but only {wanted} for task {recipe.task.kind} "
            "computes what can be compared with the student; name another teacher, or drop the loss"
        )
    most = most_tokens(recipe.task, config, recipe.windows.max_length)
    if recipe.windows.max_length > most:
        raise ModelError(
            f"losses.{name}: teacher '{called}' has to read the student's windows of up to {recipe.windows.max_length} tokens, "
            f"but has positions for {most}; lower windows.max_length"
        )
    own = planned_config(recipe, recipe.student)
    try:
        with named_in_errors(f"losses.{name}", loss):
            in_student, in_teacher = loss.wants(own, config)
        check_states(recipe.task, own, in_student)
        check_states(recipe.task, config, in_teacher)
    except ModelError as error:
        raise ModelError(f"losses.{name}: {error}") from None


def reads_alike(recipe: Recipe, called: str, own: Stage | None, trained: Mapping[str, Stage | None]) -> bool:
    """Whether a teacher reads the student's tokens. own: the tokenizer that the run trains for the student; trained: those that it
    trains for the teachers."""
    student = recipe.student
    assert student is not None
    reader: Any = student
    if isinstance(student.model, LayersModel):
        reader, own = recipe.teachers[student.model.teacher], trained[student.model.teacher]
    teacher, other = recipe.teachers[called], trained[called]
    if reader is teacher or (own is not None and other is not None and own.digest == other.digest):
        return True
    if own is not None or other is not None:
        return False
    return same_tokenizer(_load(reader), _load(teacher))


def may_read_alike(recipe: Recipe, called: str) -> bool:
    """`reads_alike`, as far as a recipe tells whose models may not be here."""
    student = recipe.student
    if student is None:
        return False
    reader: Student | Teacher = student
    if isinstance(student.model, LayersModel):
        reader = recipe.teachers[student.model.teacher]
    teacher = recipe.teachers[called]
    if teacher.model is None and not getattr(teacher.tokenizer, "id", None):  # behind a server, and none is here
        return False
    made = [(one.tokenizer, one.split) for one in (reader, teacher)]
    if reader is teacher or any(isinstance(tokenizer, TrainedTokenizer) for tokenizer, _ in made):
        return reader is teacher or made[0] == made[1]
    try:
        return same_tokenizer(_load(reader), _load(teacher))
    except ModelError:
        return reader.model == teacher.model and reader.tokenizer == teacher.tokenizer


def token_teachers(context: Context, trained: Mapping[str, Stage | None]) -> frozenset[str]:
    """The teachers that are asked about next tokens: those that read as the student does, where a loss compares these.

    trained: the tokenizers that the run trains for teachers. Raises ModelError if there are none, or a student would have no loss left.
    """
    recipe, student = context.recipe, context.recipe.student
    named = [name for name, loss in recipe.losses.items() if is_of_tokens(loss)]
    if student is None or not named:
        return frozenset()
    own = trained_tokenizer(context, student.tokenizer, context.data[student.split])
    asked = [name for name, teacher in recipe.teachers.items() if not only_writes(teacher)]
    alike = [name for name in asked if reads_alike(recipe, name, own, trained)]
    if asked and not alike:
        raise unlike_tokenizers(named[0], *asked)
    if len(named) == len(recipe.losses):
        for name in recipe.baselines:
            if name in asked and name not in alike:
                raise ModelError(
                    f"baselines: '{name}' would have no loss left: its tokenizer is not the student's, and losses.{named[0]} compares "
                    "token by token; drop that baseline, or add a loss"
                )
    return frozenset(alike)


def unlike_tokenizers(name: str, *teachers: str) -> ModelError:
    """What to say about teachers that do not read the student's tokens."""
    *others, last = (f"'{teacher}'" for teacher in teachers)
    whose, both, that = (
        (f"any of the teachers {', '.join(others)} and {last}", "it and one of them", "one of them")
        if others
        else (f"teacher {last}", "both", "that teacher")
    )
    return ModelError(
        f"losses.{name}: the student's tokenizer is not that of {whose}, and the loss compares token by token: give {both} the same "
        f"`tokenizer` (and the same split, where the run trains it), take the student from the layers of {that}, or drop the loss"
    )


def same_tokenizer(one: "PreTrainedTokenizerFast", other: "PreTrainedTokenizerFast") -> bool:
    """Whether two tokenizers cut every text into the same tokens; how they cut off and fill up does not matter."""
    return _content(one) == _content(other)


def _content(tokenizer: "PreTrainedTokenizerFast") -> tuple[list[int | None], dict[str, Any]]:
    backend = json.loads(tokenizer.backend_tokenizer.to_str())
    special = [tokenizer.pad_token_id, tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.bos_token_id]
    return special, {key: value for key, value in backend.items() if key not in ("truncation", "padding")}


def _load(section: Any) -> "PreTrainedTokenizerFast":
    return load_tokenizer(tokenizer_folder(section.model, section.tokenizer), section.tokenizer)
