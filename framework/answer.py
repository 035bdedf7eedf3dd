"""A saved model that answers questions."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framework.data.example import Example
from framework.data.windows import cut_windows
from framework.data.windows_section import WindowSettings
from framework.errors import DataError
from framework.files import read_json, write_json
from framework.inference import all_logits
from framework.models.build import pretrained_model
from framework.models.tokenizers import load_model_tokenizer
from framework.tasks.base import Task
from framework.tasks.extractive_qa import ExtractiveQA

_SETTINGS = "distil.json"  # beside the weights: how the model was trained to read


@dataclass(frozen=True)
class SpanAnswer:
    """An answer: ``text == context[start:end]`` (empty for "no answer here"), with its probability."""

    text: str
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class Answerer:
    """A model with all that it needs to answer one question at a time."""

    task: Task
    model: Any
    tokenizer: Any
    windows: WindowSettings
    unanswerable: bool

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
        windows = cut_windows([example], self.tokenizer, self.windows)
        logits = all_logits(self.task, self.model, windows, int(self.tokenizer.pad_token_id), len(windows), "fp32")
        return dict(self.task.predict([example], windows, logits, self.unanswerable)[example.id])


def save_settings(folder: Path, task: Task, windows: WindowSettings, unanswerable: bool) -> None:
    """Note beside a model how it reads, for `load_answerer`."""
    settings = {"task": task.model_dump(mode="json"), "windows": windows.model_dump(), "unanswerable": unanswerable}
    write_json(folder / _SETTINGS, settings)


def load_answerer(folder: Path) -> Answerer:
    """The model in `folder`; one that distil did not train reads with the default settings. Raises ModelError."""
    path = folder / _SETTINGS
    settings = read_json(path) if path.exists() else {}
    task = ExtractiveQA.model_validate(settings.get("task", {}))
    return Answerer(
        task=task,
        model=pretrained_model(task, folder, seed=0),
        tokenizer=load_model_tokenizer(folder),
        windows=WindowSettings.model_validate(settings.get("windows", {})),
        unanswerable=bool(settings.get("unanswerable", False)),
    )
