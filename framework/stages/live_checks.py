"""Whether a student can look into a live teacher, as far as configurations and tokenizers tell beforehand."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from framework.errors import ModelError
from framework.losses.live import LiveLoss
from framework.losses.live_checks import live_teacher
from framework.models.locate import locate, locate_tokenizer
from framework.models.positions import most_tokens
from framework.models.section import LayersModel
from framework.models.tokenizers import load_tokenizer
from framework.recipe.schema import Recipe
from framework.stages.model_stages import ModelStages
from framework.stages.planned import planned_config
from framework.stages.stage import Stage
from framework.training.live_states import check_states

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def check_live(recipe: Recipe, name: str, loss: LiveLoss) -> None:
    """Refuse models whose insides the loss `name` cannot compare. Raises ModelError."""
    called = live_teacher(recipe, loss)
    teacher = recipe.teachers[called]
    config = planned_config(recipe, teacher) if teacher.model is not None else None
    if config is None or teacher.model_kind(recipe.task, config) is not recipe.task:
        raise ModelError(
            f"losses.{name}: teacher '{called}' is of kind {teacher.kind}, but only an encoder for task {recipe.task.kind} "
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
        in_student, in_teacher = loss.wants(own, config)
        check_states(recipe.task, own, in_student)
        check_states(recipe.task, config, in_teacher)
    except ModelError as error:
        raise ModelError(f"losses.{name}: {error}") from None


def check_one_tokenizer(
    recipe: Recipe, name: str, loss: LiveLoss, own: Stage | None, teachers: Mapping[str, ModelStages]
) -> None:
    """Refuse a teacher that does not read the student's tokens. own: the tokenizer that the run trains for the student.

    Raises ModelError.
    """
    student, called = recipe.student, live_teacher(recipe, loss)
    assert student is not None
    reader: Any = student
    if isinstance(student.model, LayersModel):
        reader, own = recipe.teachers[student.model.teacher], teachers[student.model.teacher].tokenizer
    teacher, other = recipe.teachers[called], teachers[called].tokenizer
    if reader is teacher or (own is not None and other is not None and own.digest == other.digest):
        return
    if own is None and other is None and same_tokenizer(_load(reader), _load(teacher)):
        return
    raise unlike_tokenizers(name, called)


def unlike_tokenizers(name: str, teacher: str) -> ModelError:
    """What to say about a teacher that does not read the student's tokens."""
    return ModelError(
        f"losses.{name}: the student's tokenizer is not that of teacher '{teacher}', and the loss compares token by token: give "
        "both the same `tokenizer` (and the same split, where the run trains it), take the student from that teacher's layers, "
        "or drop the loss"
    )


def same_tokenizer(one: "PreTrainedTokenizerFast", other: "PreTrainedTokenizerFast") -> bool:
    """Whether two tokenizers cut every text into the same tokens; how they cut off and fill up does not matter."""
    return _content(one) == _content(other)


def _content(tokenizer: "PreTrainedTokenizerFast") -> tuple[list[int | None], dict[str, Any]]:
    backend = json.loads(tokenizer.backend_tokenizer.to_str())
    special = [tokenizer.pad_token_id, tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.bos_token_id]
    return special, {key: value for key, value in backend.items() if key not in ("truncation", "padding")}


def _load(section: Any) -> "PreTrainedTokenizerFast":
    settings = section.tokenizer
    named = settings.id is not None
    folder = locate_tokenizer(settings.id, settings.revision) if named else locate(section.model)
    return load_tokenizer(folder, settings)
