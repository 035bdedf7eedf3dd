"""What chat teachers take for granted of the task and of other teachers. Each check returns problems, in words."""

from collections.abc import Iterator

from distil.framework.models.section import PretrainedTokenizer
from distil.framework.recipe.schema import Recipe
from distil.framework.teachers.base import only_writes
from distil.framework.teachers.chat import Chat


def chat_problems(recipe: Recipe) -> list[str]:
    """What is for models that write texts, elsewhere, and teachers that write alone where it is asked how likely texts are."""
    return [*_of_texts(recipe), *_unheard(recipe)]


def _of_texts(recipe: Recipe) -> Iterator[str]:
    for name, teacher in recipe.teachers.items():
        if not isinstance(teacher, Chat) or recipe.task.writes:
            continue
        if teacher.only_writes:
            yield f"teachers.{name}.read: completions are of models of texts, and the task is {recipe.task.kind}: set read: votes"
        if teacher.endpoint is not None and teacher.tokenizer != PretrainedTokenizer():
            yield f"teachers.{name}.tokenizer: a server is asked in words about the task {recipe.task.kind}: drop it"


def _unheard(recipe: Recipe) -> Iterator[str]:
    silent = [name for name, teacher in recipe.teachers.items() if only_writes(teacher)]
    taught = recipe.student is not None and any(loss.source != "labels" for loss in recipe.losses.values())
    for name in silent:
        if taught and len(silent) == len(recipe.teachers):
            yield (
                f"teachers.{name}.read: completions: it writes alone, and the student's losses compare with what teachers say of texts: set "
                "read: likelihood, where it runs here or its server says how likely a prompt is (vLLM does), or have it write texts "
                "(student.completions) that hard_label alone learns"
            )
