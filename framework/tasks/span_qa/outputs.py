"""What a model's predictions are worth."""

from collections.abc import Mapping, Sequence
from typing import Any

from distil.framework.language.texts import are_russian
from distil.framework.metrics import middle, resampled_means
from distil.framework.tasks.reports import Scores
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.span_qa.metrics import per_example_v1, per_example_v2, squad_v1, squad_v2


def score_spans(
    examples: Sequence[QAExample],
    predictions: Mapping[str, Any],
    unanswerable: bool,
    threshold: float,
    resamples: int,
    seed: int,
) -> Scores:
    """EM and F1 of `predictions` over the labelled examples, official, and of Russian questions with Russian normalisation."""
    labelled = [example for example in examples if example.answers is not None]
    if unanswerable:
        texts = {key: _best_text(record) for key, record in predictions.items()}
        doubts = {key: record["no_answer_score"] for key, record in predictions.items()}
        metrics = squad_v2(labelled, texts, doubts, threshold)
        scores = per_example_v2(labelled, texts, doubts, threshold)
    else:
        texts = {key: record["answer"] for key, record in predictions.items()}
        metrics = squad_v1(labelled, texts)
        scores = per_example_v1(labelled, texts)
    russian = metrics.pop("russian")
    resampled = {
        name: resampled_means(values, seed, resamples)
        for name, values in (("exact_match", scores.em), ("f1", scores.f1))
    }
    return Scores(
        examples=len(labelled),
        metrics=_one_name(metrics),
        intervals={name: _percent(middle(values)) for name, values in resampled.items()},
        variants={"russian": _one_name(russian)} if are_russian(one.question for one in labelled) else {},
        resampled={name: 100 * values for name, values in resampled.items()},
        unlocated=sum(record.get("start", 0) < 0 for record in predictions.values()) / max(1, len(predictions)),
    )


def _one_name(metrics: dict[str, float]) -> dict[str, float]:
    """SQuAD 2.0's script calls exact match `exact`; here it has one name for both."""
    return {"exact_match" if name == "exact" else name: value for name, value in metrics.items()}


def _best_text(record: Mapping[str, Any]) -> str:
    return str(record["n_best"][0]["text"]) if record["n_best"] else ""


def _percent(bounds: tuple[float, float]) -> tuple[float, float]:
    return 100 * bounds[0], 100 * bounds[1]
