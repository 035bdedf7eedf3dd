"""Instruction-tuned models as teachers of texts: a prompt is what a user says to them, by each one's own chat template, and what it
answers is the completion."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from distil.framework.data.features import WindowSettings
from distil.framework.progress import Progress
from distil.framework.tasks.sections import ChatSection
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.prompts import Wording
from distil.framework.tasks.text.reading import TextReader, text_reader
from distil.framework.tasks.text.settings import TextSettings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from distil.framework.tasks.base import InferenceConfig, Predictor
    from distil.framework.tasks.text.task import Text
    from distil.framework.training.objective import Objective


def spoken_objective(
    task: "Text",
    teacher: ChatSection,
    windows: WindowSettings,
    examples: Sequence[Written],
    tokenizer: "PreTrainedTokenizerFast",
    progress: Progress,
) -> "Objective":
    """To answer with the completions, as a student of conversations learns them."""
    reader = text_reader(tokenizer, wording_of(task, teacher), _read_by(teacher, windows).max_length)
    return task.objective_of(examples, reader.read_split(examples, progress), reader.pad_id)


def spoken_predictor(
    task: TextSettings, teacher: ChatSection, folder: Path, inference: "InferenceConfig"
) -> "Predictor":
    """The model in `folder`, or behind the teacher's server. Raises ModelError."""
    wording = wording_of(task, teacher)
    if teacher.endpoint is not None:
        from distil.framework.tasks.text.served import served_texts

        return served_texts(task, teacher, inference, wording)
    from distil.framework.tasks.text.predictor import text_predictor

    read = replace(inference, windows=_read_by(teacher, inference.windows))
    return text_predictor(folder, read, task, wording=wording)


def wording_of(task: TextSettings, teacher: ChatSection) -> Wording:
    """How prompts are put to a chat teacher."""
    return Wording(task.prompt, chat=True, system=teacher.instructions)


def _read_by(teacher: ChatSection, windows: WindowSettings) -> WindowSettings:
    return windows if teacher.max_length is None else windows.model_copy(update={"max_length": teacher.max_length})


def reader_of(teacher: ChatSection, wording: Wording, inference: "InferenceConfig") -> TextReader:
    """What makes tokens of texts for a model behind a server, by its tokenizer, which is here. Raises ModelError."""
    from distil.framework.chat.template import check_template
    from distil.framework.models.locate import locate_tokenizer
    from distil.framework.models.section import PretrainedTokenizer
    from distil.framework.models.tokenizers import load_tokenizer

    assert isinstance(teacher.tokenizer, PretrainedTokenizer)
    assert teacher.tokenizer.id is not None
    folder = locate_tokenizer(teacher.tokenizer.id, teacher.tokenizer.revision)
    tokenizer = load_tokenizer(folder, teacher.tokenizer)
    check_template(tokenizer, None)
    return text_reader(tokenizer, wording, inference.windows.max_length)
