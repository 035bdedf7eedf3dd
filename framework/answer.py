"""A saved model that answers questions."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from framework.data.example import Example
from framework.data.windows_section import WindowSettings
from framework.errors import DataError
from framework.files import read_json, write_json
from framework.models.build import read_config
from framework.models.locate import locate
from framework.models.positions import most_tokens
from framework.models.section import FolderModel
from framework.readers.base import Reader, Reading
from framework.readers.logits import logits_reader
from framework.tasks.extractive_qa import ExtractiveQA
from framework.teachers import AnyTeacher
from framework.teachers.base import Teacher

_SETTINGS = "distil.json"  # beside the weights: how the model was trained to read


@dataclass(frozen=True)
class SpanAnswer:
    """An answer: ``text == context[start:end]`` (empty for "no answer here"), with its probability.

    A generator's text that the context does not contain lies at -1:-1.
    """

    text: str
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class Answerer:
    """A model with all that it needs to answer one question at a time."""

    reader: Reader
    reading: Reading

    def answer(self, question: str, context: str) -> SpanAnswer:
        """The best answer. Raises DataError for a question or context without text."""
        record = self.candidates(question, context)
        return SpanAnswer(record["answer"], record["start"], record["end"], record["score"])

    def candidates(self, question: str, context: str) -> dict[str, Any]:
        """The best answer and its rivals, as in predictions.json. Raises DataError as `answer` does."""
        for name, text in (("question", question), ("context", context)):
            if not text.strip():
                raise DataError(f"the {name} has no text; give a question and a context to find its answer in")
        example = Example("question", context, question, None)
        return dict(self.reader.predict([example])[example.id])


def save_settings(folder: Path, reading: Reading, teacher: Teacher | None) -> None:
    """Note beside a model how it reads, for `load_answerer`; a teacher's section says how its kind does."""
    settings = {
        "task": reading.task.model_dump(mode="json"),
        "windows": reading.windows.model_dump(),
        "unanswerable": reading.unanswerable,
        "teacher": teacher.model_dump(mode="json") if teacher is not None else None,
    }
    write_json(folder / _SETTINGS, settings)


def load_answerer(folder: Path) -> Answerer:
    """The model in `folder`; one that distil did not train reads with the default settings, or as long windows as it can.

    Raises ModelError.
    """
    locate(FolderModel(path=str(folder)), weights=True)
    path = folder / _SETTINGS
    settings = read_json(path) if path.exists() else {}
    reading = Reading(
        task=ExtractiveQA.model_validate(settings.get("task", {})),
        windows=WindowSettings.model_validate(settings["windows"]) if settings else _windows(folder),
        unanswerable=bool(settings.get("unanswerable", False)),
        batch_size=32,
        precision="fp32",
    )
    if settings.get("teacher") is None:
        return Answerer(logits_reader(folder, reading), reading)
    teacher: Teacher = TypeAdapter(AnyTeacher).validate_python(settings["teacher"])
    return Answerer(teacher.reader(folder, reading), reading)


def _windows(folder: Path) -> WindowSettings:
    """The default windows, or shorter ones of the same proportions for a model that has fewer positions."""
    default = WindowSettings()
    length = min(default.max_length, most_tokens(read_config(folder)) or default.max_length)
    part = length / default.max_length
    return WindowSettings(
        max_length=length,
        doc_stride=int(default.doc_stride * part),
        max_question=int(default.max_question * part),
    )
