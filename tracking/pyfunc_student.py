"""A student as MLflow runs it: this file travels with the model and is executed where that is loaded."""

import json
from pathlib import Path
from typing import Any

import pandas as pd  # type: ignore[import-untyped]
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext


class LoggedStudent(PythonModel):
    """Answers questions about contexts by the same code as `distil answer`."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the model from its folder among the logged artifacts."""
        from distil.framework.answer import load_answerer

        self._answerer = load_answerer(Path(context.artifacts["model"]))

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Rows of the task's requests in; rows of its responses out, in the same order. Lists are written as JSON."""
        from distil.framework.answer import request_of
        from distil.framework.data.records import is_missing

        task = self._answerer.inference.task
        fields = [name for name in task.request.model_fields if name in model_input]
        rows = [
            {name: value for name, value in row.items() if not is_missing(value)}
            for row in model_input[fields].to_dict("records")
        ]
        answers = [self._answerer.answer(request_of(task, row)).model_dump(mode="json") for row in rows]
        return pd.DataFrame([{name: _plain(value) for name, value in answer.items()} for answer in answers])


def _plain(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


set_model(LoggedStudent())
