"""A finished run: its models that can be exported, and the questions on which they were measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from distil.framework.data.example import Example
from distil.framework.data.load import unchanged_split
from distil.framework.errors import ModelError, OutputError
from distil.framework.outcome import ModelResults, RunResults
from distil.framework.predictors.compared import Compared
from distil.framework.progress import Progress
from distil.framework.recipe.schema import Recipe
from distil.framework.results import model_of
from distil.framework.tasks.base import InferenceConfig, Task
from distil.framework.tasks.registry import task_of
from distil.framework.teachers.encoder import Encoder
from distil.framework.teachers.generative import Generative


@dataclass(frozen=True)
class FinishedRun:
    """A run's results and recipe, and the folder `output` in which its models lie."""

    results: RunResults
    recipe: Recipe
    output: Path

    @property
    def task(self) -> Task:
        """The run's task, fitted to its data."""
        return task_of(self.results, self.recipe.task)

    def model(self, name: str) -> ModelResults:
        """The entry in the results of a model like a student. Raises OutputError or ModelError for what cannot be exported."""
        model = model_of(self.results["run"], self.results, name)
        if not self._encodes(model):
            raise ModelError(
                f"'{name}' is no model of the kind of students, and only these can be exported; name another model of the run, such as its student"
            )
        if model["evaluation"] is None:
            raise OutputError(f"'{name}' is not trained and measured yet; `distil resume` goes on with its run")
        return model

    def exportable(self) -> list[ModelResults]:
        """The entries of the models that `model` would give."""
        return [model for model in self.results["models"] if self._encodes(model) and model["evaluation"] is not None]

    def teachers(self) -> list[ModelResults]:
        """The entries of the teachers that are models like students."""
        return [model for model in self.results["models"] if model["role"] == "teacher" and self._encodes(model)]

    def folder(self, model: ModelResults) -> Path:
        """Where a model lies."""
        return self.output / str(model["folder"])

    def inference(self, model: ModelResults) -> InferenceConfig:
        """How a model read when it was measured, but in fp32."""
        recipe = self.recipe
        windows = recipe.windows
        if model["role"] == "teacher":
            windows = recipe.teachers[model["name"]].windows or windows
        settings = recipe.evaluation
        return InferenceConfig(self.task, windows, settings.batch_size, "fp32", batch_tokens=settings.batch_tokens)

    def predictor(self, model: ModelResults, folder: Path) -> Compared:
        """The model in `folder`, which is this one or a copy, as it read when it was measured. Raises ModelError."""
        teacher = self.mapped_teacher(model)
        label_map = None if teacher is None else teacher.label_map
        found = self.task.predictor(folder, self.inference(model), label_map)
        if not isinstance(found, Compared):
            raise ModelError(
                f"nothing is known of how models for the task {self.task.kind} could be compared: they are not exported"
            )
        return found

    def mapped_teacher(self, model: ModelResults) -> Encoder | None:
        """The section of a teacher whose classes have other names than the task's labels; None for any other model."""
        teacher = self.recipe.teachers[model["name"]] if model["role"] == "teacher" else None
        return teacher if isinstance(teacher, Encoder) and teacher.label_map is not None else None

    def examples(self, progress: Progress) -> Sequence[Example]:
        """The questions on which the run was measured. Raises DataError if they are not the same any more."""
        name = self.recipe.evaluation.split
        digest = self.results["data"]["splits"][name]["digest"]
        return unchanged_split(self.recipe.data, self.recipe.task, name, digest, progress).examples

    def _encodes(self, model: ModelResults) -> bool:
        if model["role"] == "teacher":
            kind = self.recipe.teachers[model["name"]]
            return isinstance(kind, Encoder) or (self.task.writes and isinstance(kind, Generative))
        return bool(model["role"] != "ensemble")
