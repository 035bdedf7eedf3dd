"""A saved model that is asked one thing at a time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from pydantic import BaseModel, TypeAdapter, ValidationError

from distil.framework.config import worded
from distil.framework.data.features import WindowSettings
from distil.framework.errors import DataError, ModelError, first_line
from distil.framework.files import Json, read_json, write_json
from distil.framework.manifest import check_saved
from distil.framework.models.configuration import read_config
from distil.framework.models.formats import FLOAT32
from distil.framework.models.locate import locate
from distil.framework.models.probe import most_tokens
from distil.framework.models.section import FolderModel
from distil.framework.predictors.logits import alone
from distil.framework.recipe.paths import moved
from distil.framework.tasks.base import InferenceConfig, Own, Plain, Predictor, Task
from distil.framework.tasks.registry import DEFAULT_TASK, AnyTask
from distil.framework.teachers import AnyTeacher
from distil.framework.teachers.base import Teacher

_SETTINGS = "distil.json"  # beside the weights: how the model was trained to read


@runtime_checkable
class Grows(Protocol):
    """A predictor whose model writes texts."""

    def grow(self, example: Own) -> Iterator[Plain]:
        """Its prediction with as much of the `text` as is there, again and again; the last one is whole."""


@dataclass(frozen=True)
class Answerer:
    """A model with all that it needs to answer one request of its task at a time."""

    predictor: Predictor
    inference: InferenceConfig

    def answer(self, request: BaseModel) -> BaseModel:
        """The task's response to one of its requests. Raises DataError for a text that is blank."""
        return self.ask(self.inference.task.asked(request))

    def pieces(self, request: BaseModel) -> Iterator[str | BaseModel]:
        """What is written, piece by piece, by a model that writes, and last the response. Raises DataError for a text that is blank."""
        task = self.inference.task
        example = task.asked(request)
        if not isinstance(self.predictor, Grows):
            yield self.ask(example)
            return
        length, prediction = 0, None
        for prediction in self.predictor.grow(example):
            if len(prediction["text"]) > length:
                yield prediction["text"][length:]
            length = len(prediction["text"])
        yield task.respond(prediction)

    def ask(self, example: Own) -> BaseModel:
        """The response about an example of the task's."""
        return self.inference.task.respond(self.predictor.predict([example])[example.id])


def request_of(task: Task, values: Mapping[str, object]) -> BaseModel:
    """A request of the task. Raises DataError for values that it does not take, or texts that are not legal Unicode."""
    for name, text in values.items():
        try:
            str(text).encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"the {name} holds half of a surrogate pair, or a byte that is not UTF-8, at character {error.start}: take it out, or "
                "write the text in UTF-8"
            ) from None
    try:
        return task.request.model_validate(values)
    except ValidationError as error:
        legal = list(task.request.model_fields)
        raise DataError(worded(error, dict(values), lambda place: "the request", legal)) from None


def save_settings(folder: Path, inference: InferenceConfig, teacher: Teacher | None) -> None:
    """Note beside a model how it reads, for `load_answerer`; a teacher's section says how its kind does."""
    settings = {
        "task": inference.task.model_dump(mode="json"),
        "windows": inference.windows.model_dump(),
        "teacher": teacher.model_dump(mode="json") if teacher is not None else None,
    }
    write_json(folder / _SETTINGS, settings)


def note_measuring(folder: Path, given: Mapping[str, object]) -> None:
    """Note beside a copy of a model how the run measured it whose task's settings are `given`. Raises ModelError."""
    path = folder / _SETTINGS
    if path.exists():
        task = _measuring(_noted(path)[0].task, given)
        write_json(path, {**read_json(path), "task": task.model_dump(mode="json")})


def load_answerer(folder: Path, many: bool = False, given: Mapping[str, object] | None = None) -> Answerer:
    """The model in `folder`; one that distil did not train reads with the default settings, or as long windows as it can.

    many: whether its predictor will be asked many questions at a time, and not one after the other; given: a task's settings, of which those
    of measuring count, as a run may have found the model of another one that measured it otherwise. Raises ModelError, StoreError for files that are not as they were written.
    """
    check_saved(folder)
    noted = folder / _SETTINGS
    inference, teacher = _noted(noted) if noted.exists() else (_inference({}, _windows(folder)), None)
    inference = replace(inference, task=_measuring(inference.task, given or {}))
    locate(FolderModel(path=str(folder)), weights=True)
    inference = inference if many else alone(inference)
    if teacher is not None:
        return Answerer(teacher.predictor(folder, inference), inference)
    weights = None if noted.exists() else FLOAT32
    return Answerer(inference.task.predictor(folder, inference, weights=weights), inference)


def noted_task(folder: Path) -> Task:
    """The task of the model in `folder`. Raises ModelError."""
    noted = folder / _SETTINGS
    return _noted(noted)[0].task if noted.exists() else DEFAULT_TASK


def _noted(path: Path) -> tuple[InferenceConfig, Teacher | None]:
    """What `save_settings` has noted. Raises ModelError."""
    try:
        settings = read_json(path)
        inference = _inference(settings, WindowSettings.model_validate(settings.get("windows", {})))
        if settings.get("teacher") is None:
            return inference, None
        teacher: Teacher = TypeAdapter(AnyTeacher).validate_python(settings["teacher"])
    except (ValueError, AttributeError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else first_line(error)
        raise ModelError(f"{path} does not say how its model reads, as distil writes it: {reason}") from None
    return inference, teacher


def _inference(settings: Json, windows: WindowSettings) -> InferenceConfig:
    return InferenceConfig(_task(settings), windows, batch_size=32, precision="fp32")


def _task(settings: Json) -> Task:
    if settings.get("task") is None:
        return DEFAULT_TASK
    # Where an earlier version noted it.
    old = {"data": {"unanswerable": settings["unanswerable"]}} if "unanswerable" in settings else {}
    values = moved({"task": settings["task"], **old})
    assert isinstance(values, dict)
    task: Task = TypeAdapter[Task](AnyTask).validate_python(values["task"])
    return task


def _measuring(task: Task, given: Mapping[str, object]) -> Task:
    """A task with those of the settings `given` that concern predictions and scores alone."""
    values = {name: given[name] for name in task.measured_with if name in given}
    return TypeAdapter[Task](AnyTask).validate_python({**task.model_dump(mode="json"), **values}) if values else task


def _windows(folder: Path) -> WindowSettings:
    """The default windows, or shorter ones of the same proportions for a model that has fewer positions."""
    default = WindowSettings()
    length = most_tokens(DEFAULT_TASK, read_config(folder), default.max_length)
    part = length / default.max_length
    return WindowSettings(
        max_length=length,
        doc_stride=int(default.doc_stride * part),
        max_question=int(default.max_question * part),
    )
