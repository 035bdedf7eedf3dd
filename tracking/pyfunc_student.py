"""A student as MLflow runs it: this file travels with the model and is executed where that is loaded."""

from pathlib import Path
from typing import Any

import mlflow.pyfunc
import pandas as pd  # type: ignore[import-untyped]
from mlflow.models import set_model


class LoggedStudent(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Answers questions about contexts by the same code as `distil answer`."""

    def load_context(self, context: Any) -> None:
        """Load the model from its folder among the logged artifacts."""
        from framework.answer import load_answerer

        self._answerer = load_answerer(Path(context.artifacts["model"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Rows of question and context in; rows of answer, score, start, end out, in the same order."""
        answers = [
            self._answerer.answer(question, text)
            for question, text in zip(model_input["question"], model_input["context"], strict=True)
        ]
        return pd.DataFrame(
            {
                "answer": [answer.text for answer in answers],
                "score": [float(answer.score) for answer in answers],
                "start": [int(answer.start) for answer in answers],
                "end": [int(answer.end) for answer in answers],
            }
        )


set_model(LoggedStudent())
