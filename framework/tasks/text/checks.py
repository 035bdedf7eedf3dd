"""What the task demands of other sections of a recipe, in words, and of models."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from distil.framework.data.features import WindowSettings
from distil.framework.errors import ModelError
from distil.framework.models.section import TrainedTokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

    from distil.framework.tasks.sections import Sections, TeacherSection

_ANSWERS = {  # options of a generative teacher that are about what it answers itself
    "prompt": "how prompts are worded is for all models the same: set it in `task`",
    "beams": "a teacher of texts says how likely completions are, and searches none",
    "candidates": "a teacher of texts says how likely completions are, and is shown none",
    "length_normalisation": "a teacher of texts says how likely completions are as they stand",
    "max_answer": "how much a model writes is for all models the same: set task.generation.max_new_tokens",
}


def problems_of(recipe: "Sections") -> list[str]:
    """What the task demands of other sections of a recipe, in words."""
    places = {"windows": recipe.windows}
    places |= {f"teachers.{name}.windows": one.windows for name, one in recipe.teachers.items() if one.windows}
    problems = [problem for place, windows in places.items() for problem in _window_problems(place, windows)]
    for name, teacher in recipe.teachers.items():
        problems += [f"teachers.{name}{problem}" for problem in _teacher_problems(teacher)]
    student = recipe.student
    if student is not None:
        problems += [f"student{problem}" for problem in _tokenizer_problems(student.tokenizer)]
        if student.trim is not None:
            problems.append("student.trim: a model that writes may need every token that it has: drop `trim`")
    return problems


def _window_problems(place: str, windows: WindowSettings) -> Iterator[str]:
    usual = WindowSettings()
    for name, what in (("doc_stride", "windows that overlap"), ("max_question", "questions")):
        if getattr(windows, name) != getattr(usual, name):
            yield f"{place}.{name} is for {what}, and a text is read once, up to max_length tokens: drop it"


def _teacher_problems(teacher: "TeacherSection") -> Iterator[str]:
    from distil.framework.teachers.generative import Generative

    if teacher.kind in ("encoder", "chat"):
        yield f": {_article(teacher.kind)} model does not say how likely a text is: take a model that writes, kind generative"
    if isinstance(teacher, Generative):
        usual = type(teacher).model_fields
        for name, reason in _ANSWERS.items():
            if getattr(teacher, name) != usual[name].default:
                yield f".{name}: {reason}; drop it"
        yield from _tokenizer_problems(teacher.tokenizer)


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _tokenizer_problems(tokenizer: object) -> Iterator[str]:
    if isinstance(tokenizer, TrainedTokenizer) and tokenizer.kind != "bpe":
        yield (
            f".tokenizer: a {tokenizer.kind} tokenizer that is trained here does not give back the text that it has read (its spaces, say): "
            "take kind bpe, which is byte-level"
        )


def check_decodes(config: "PreTrainedConfig") -> None:
    """Refuse models that do not write from left to right. Raises ModelError."""
    from distil.framework.tasks.text.models import writes_texts

    if not writes_texts(config):
        raise ModelError(
            f"a {config.model_type} model does not write from left to right, as models of texts have to: use a decoder (gpt2, llama, qwen2, "
            "gpt_neox) or an encoder-decoder (t5, bart)"
        )
