"""A saved model that answers questions."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from framework.data.example import Example
from framework.data.windows_section import WindowSettings
from framework.errors import DataError, ModelError, first_line
from framework.files import read_json, write_json
from framework.manifest import check_saved
from framework.models.build import read_config
from framework.models.locate import locate
from framework.models.positions import most_tokens
from framework.models.section import FolderModel
from framework.readers.base import Reader, Reading, alone
from framework.readers.logits import logits_reader
from framework.tasks.span_qa.task import ExtractiveQA
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
        """The best answer. Raises DataError for a question or context without text, or that is not legal Unicode."""
        record = self.candidates(question, context)
        return SpanAnswer(record["answer"], record["start"], record["end"], record["score"])

    def candidates(self, question: str, context: str) -> dict[str, Any]:
        """The best answer and its rivals, as in predictions.json. Raises DataError as `answer` does."""
        for name, text in (("question", question), ("context", context)):
            if not text.strip():
                raise DataError(f"the {name} has no text; give a question and a context to find its answer in")
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise DataError(
                    f"the {name} holds half of a surrogate pair, or a byte that is not UTF-8, at character {error.start}"
                ) from None
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


def load_answerer(folder: Path, many: bool = False) -> Answerer:
    """The model in `folder`; one that distil did not train reads with the default settings, or as long windows as it can.

    many: whether its reader will be asked many questions at a time, and not one after the other. Raises ModelError, StoreError for files that are not as they were written.
    """
    check_saved(folder)
    noted = folder / _SETTINGS
    reading, teacher = _noted(noted) if noted.exists() else (_reading({}, _windows(folder)), None)
    locate(FolderModel(path=str(folder)), weights=True)
    reading = reading if many else alone(reading)
    reader = logits_reader(folder, reading) if teacher is None else teacher.reader(folder, reading)
    return Answerer(reader, reading)


def _noted(path: Path) -> tuple[Reading, Teacher | None]:
    """What `save_settings` has noted. Raises ModelError."""
    try:
        settings = read_json(path)
        reading = _reading(settings, WindowSettings.model_validate(settings.get("windows", {})))
        if settings.get("teacher") is None:
            return reading, None
        teacher: Teacher = TypeAdapter(AnyTeacher).validate_python(settings["teacher"])
    except (ValueError, AttributeError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else first_line(error)
        raise ModelError(f"{path} does not say how its model reads, as distil writes it: {reason}") from None
    return reading, teacher


def _reading(settings: dict[str, Any], windows: WindowSettings) -> Reading:
    return Reading(
        task=ExtractiveQA.model_validate(settings.get("task", {})),
        windows=windows,
        unanswerable=bool(settings.get("unanswerable", False)),
        batch_size=32,
        precision="fp32",
    )


def _windows(folder: Path) -> WindowSettings:
    """The default windows, or shorter ones of the same proportions for a model that has fewer positions."""
    default = WindowSettings()
    length = most_tokens(ExtractiveQA(), read_config(folder), default.max_length)
    part = length / default.max_length
    return WindowSettings(
        max_length=length,
        doc_stride=int(default.doc_stride * part),
        max_question=int(default.max_question * part),
    )
