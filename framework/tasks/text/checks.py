"""What the task demands of other sections of a recipe, in words, and of models."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from distil.framework.data.features import WindowSettings
from distil.framework.errors import ModelError
from distil.framework.models.section import PretrainedTokenizer, TrainedTokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

    from distil.framework.tasks.sections import Sections, TeacherSection
    from distil.framework.teachers.chat import Chat

_ANSWERS = {  # options of a generative teacher that are about what it answers itself
    "prompt": "how prompts are worded is for all models the same: set it in `task`",
    "beams": "a teacher of texts says how likely completions are, and searches none",
    "candidates": "a teacher of texts says how likely completions are, and is shown none",
    "length_normalisation": "a teacher of texts says how likely completions are as they stand",
    "max_answer": "how much a model writes is for all models the same: set task.generation.max_new_tokens",
}


_SPOKEN = {  # options of a chat teacher that are about answers to be read
    "prompt": "how prompts are worded is for all models the same: set it in `task`",
    "examples": "a teacher of texts is shown none",
    "samples": "a teacher of texts is not asked for answers; `distil complete` has --count",
    "sampling_temperature": "a teacher of texts is not asked for answers; `distil complete` has --temperature",
    "max_answer": "how much a model writes is for all models the same: set task.generation.max_new_tokens",
    "invalid": "no completion is invalid",
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
    from distil.framework.teachers.chat import Chat
    from distil.framework.teachers.generative import Generative

    if teacher.kind == "encoder":
        yield ": an encoder model does not say how likely a text is: take a model that writes, kind generative or chat"
    if isinstance(teacher, Chat):
        yield from _chat_problems(teacher)
    if isinstance(teacher, Generative):
        usual = type(teacher).model_fields
        for name, reason in _ANSWERS.items():
            if getattr(teacher, name) != usual[name].default:
                yield f".{name}: {reason}; drop it"
        yield from _tokenizer_problems(teacher.tokenizer)


def _chat_problems(teacher: "Chat") -> Iterator[str]:
    """What is asked for answers that are read, where texts are completed, or read themselves."""
    usual = type(teacher).model_fields
    for name, reason in _SPOKEN.items():
        if getattr(teacher, name) != usual[name].default:
            yield f".{name}: {reason}; drop it"
    served = teacher.endpoint is not None
    own = isinstance(teacher.tokenizer, PretrainedTokenizer) and teacher.tokenizer.id is not None
    if teacher.read not in ("likelihood", "completions"):
        yield (
            f".read: {teacher.read} is of answers: set likelihood, of a model that runs here or whose server says how likely a prompt is (vLLM does), or "
            "completions, of one that writes alone"
        )
    if teacher.only_writes and teacher.temperature != 1.0:
        yield ".temperature: a teacher that writes alone (read: completions) says nothing that could be tempered: drop it"
    if teacher.read == "likelihood" and served and not own:
        yield (
            ".tokenizer: a server says how likely texts are by tokens, which are made here: give the tokenizer of its model, {kind: "
            "pretrained, id: Qwen/Qwen2.5-7B-Instruct}, say; or set read: completions, for a model that writes alone"
        )
    if not served:
        yield from _tokenizer_problems(teacher.tokenizer)
        if teacher.top_logprobs != usual["top_logprobs"].default:
            yield ".top_logprobs is for a server, and of a model that runs here all tokens count: drop it"


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
