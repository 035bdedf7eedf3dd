"""SQuAD exact match and F1 as a metric of the `evaluate` library, loadable by path and without a network."""

# `evaluate` reads the imports of this file line by line, so none may run over several lines.
from pathlib import Path
from typing import Any, Literal

import datasets
import evaluate

from distil.framework.tasks.span_qa.data import Answer, QAExample
from distil.framework.tasks.span_qa.metrics import squad_v1, squad_v2

_CITATION = """\
@inproceedings{rajpurkar2016squad,
  title = {{SQuAD}: 100,000+ Questions for Machine Comprehension of Text},
  author = {Rajpurkar, Pranav and Zhang, Jian and Lopyrev, Konstantin and Liang, Percy},
  booktitle = {EMNLP},
  year = {2016},
  eprint = {1606.05250}
}
@inproceedings{rajpurkar2018know,
  title = {Know What You Don't Know: Unanswerable Questions for {SQuAD}},
  author = {Rajpurkar, Pranav and Jia, Robin and Liang, Percy},
  booktitle = {ACL},
  year = {2018},
  eprint = {1806.03822}
}
"""

_DESCRIPTION = """\
Exact match and F1 of extractive question answering, equal to the official scripts of SQuAD 1.1 (configuration
`squad`, the default) and 2.0 (`squad_v2`), each given once more with prefix `russian_`, under a normalisation
that also drops typographic quotes and dashes and reads ё as е.
"""

_INPUTS = """\
predictions: list of {"id": str, "prediction_text": str}; for squad_v2 also "no_answer_probability": float.
references: list of {"id": str, "answers": {"text": list of str, "answer_start": list of int}}.
no_answer_threshold (squad_v2 only, default 1.0): above it, a question counts as left unanswered.
"""


def load_squad_metric(variant: Literal["squad", "squad_v2"] = "squad") -> Any:
    """Load the metric with ``evaluate.load``, which is given this file.

    Returns an `evaluate.Metric` that holds its inputs in memory.
    """
    return evaluate.load(str(Path(__file__).resolve()), variant, keep_in_memory=True)


class SquadMetric(evaluate.Metric):  # type: ignore[misc]
    """Delegates to `distil.framework.tasks.span_qa.metrics`."""

    def _info(self) -> evaluate.MetricInfo:
        if self.config_name not in ("default", "squad", "squad_v2"):
            raise ValueError(f"configuration '{self.config_name}' is unknown; expected 'squad' or 'squad_v2'")
        prediction = {"id": datasets.Value("string"), "prediction_text": datasets.Value("string")}
        if self.config_name == "squad_v2":
            prediction["no_answer_probability"] = datasets.Value("float64")
        answers = {
            "text": datasets.List(datasets.Value("string")),
            "answer_start": datasets.List(datasets.Value("int32")),
        }
        reference = {"id": datasets.Value("string"), "answers": answers}
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_INPUTS,
            features=datasets.Features({"predictions": prediction, "references": reference}),
        )

    def _compute(
        self,
        predictions: list[dict[str, Any]],
        references: list[dict[str, Any]],
        no_answer_threshold: float | None = None,
    ) -> dict[str, float]:
        examples = [_example(reference) for reference in references]
        texts = {prediction["id"]: prediction["prediction_text"] for prediction in predictions}
        if self.config_name == "squad_v2":
            doubts = {prediction["id"]: prediction["no_answer_probability"] for prediction in predictions}
            threshold = 1.0 if no_answer_threshold is None else no_answer_threshold
            results = squad_v2(examples, texts, doubts, threshold)
        elif no_answer_threshold is not None:
            raise ValueError("no_answer_threshold is given, but only 'squad_v2' has unanswerable questions")
        else:
            results = squad_v1(examples, texts)
        russian = results.pop("russian")
        return results | {f"russian_{name}": value for name, value in russian.items()}


def _example(reference: dict[str, Any]) -> QAExample:
    answers = reference["answers"]
    pairs = zip(answers["text"], answers["answer_start"], strict=True)
    return QAExample(reference["id"], "", "", tuple(Answer(text, start) for text, start in pairs))
