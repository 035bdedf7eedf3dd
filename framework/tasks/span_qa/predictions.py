"""Answers of a model, best first, and how they stand in predictions.json."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np

from distil.framework.segments import Floats
from distil.framework.tasks.span_qa.ranking import Ranked

# The logit of what cannot be, and the least that counts: finite, so that every score can be written as JSON.
IMPOSSIBLE = -1e30


class SpanPrediction(TypedDict):
    """One answer, as it stands in predictions.json: ``text == context[start:end]``, its probability among the candidates, start +
    end logit."""

    text: str
    start: int
    end: int
    score: float
    logit: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """The best answers of one question, best first, and what the model thinks of there being none.

    `null_logit` and `null_score` are None where "no answer" is not a candidate. `n_best` is empty when no
    span of the context is legal.
    """

    n_best: tuple[SpanPrediction, ...]
    null_logit: float | None
    null_score: float | None

    @property
    def no_answer_score(self) -> float | None:
        """How far "no answer" is ahead of the best span, in logits; None where it is not a candidate."""
        if self.null_logit is None:
            return None
        return self.null_logit - (self.n_best[0]["logit"] if self.n_best else IMPOSSIBLE)

    def answer(self, threshold: float = 0.0) -> SpanPrediction:
        """The best span, or an empty text at 0:0 where "no answer" leads by more than `threshold` logits
        (the rule of SQuAD 2.0 in Devlin et al. 2018) or where no span is legal."""
        doubt = self.no_answer_score
        if self.n_best and (doubt is None or doubt <= threshold):
            return self.n_best[0]
        score = 0.0 if self.null_score is None else self.null_score
        logit = IMPOSSIBLE if self.null_logit is None else self.null_logit
        return {"text": "", "start": 0, "end": 0, "score": score, "logit": logit}


def predictions_of(
    contexts: Sequence[str], best: Sequence[Ranked], null_logits: Sequence[float | None]
) -> list[Prediction]:
    """Of each context the answers that its best spans are. Scores are the softmax over these spans and, where it has a logit, over
    "no answer"."""
    return [_prediction(*one) for one in zip(contexts, best, null_logits, strict=True)]


def _prediction(context: str, best: Ranked, null_logit: float | None) -> Prediction:
    logits = best.logits
    scores = _softmax(logits if null_logit is None else np.append(logits, null_logit)).tolist()
    spans = zip(best.starts.tolist(), best.ends.tolist(), scores, logits.tolist(), strict=False)
    return Prediction(
        n_best=tuple(
            {"text": context[start:end], "start": start, "end": end, "score": score, "logit": logit}
            for start, end, score, logit in spans
        ),
        null_logit=null_logit,
        null_score=None if null_logit is None else scores[-1],
    )


def _softmax(logits: Floats) -> Floats:
    if len(logits) == 0:
        return logits
    weights = np.exp(logits - logits.max())
    normalised: Floats = weights / weights.sum()
    return normalised


def prediction_record(prediction: Prediction, threshold: float) -> dict[str, Any]:
    """A prediction as plain data, as it stands in predictions.json."""
    chosen = prediction.answer(threshold)
    record: dict[str, Any] = {
        "answer": chosen["text"],
        "start": chosen["start"],
        "end": chosen["end"],
        "score": chosen["score"],
        "n_best": list(prediction.n_best),
    }
    if prediction.no_answer_score is not None:
        record["no_answer_score"] = prediction.no_answer_score
    return record


def soft_label(prediction: Prediction, threshold: float) -> dict[str, Any]:
    """A prediction for use elsewhere: the likeliest answer, the `candidates`, whose probabilities sum to 1, that of there being no
    answer among them (`no_answer`, where it is a candidate)."""
    chosen = prediction.answer(threshold)
    candidates = [
        {"text": one["text"], "start": one["start"], "end": one["end"], "probability": one["score"]}
        for one in prediction.n_best
    ]
    label: dict[str, Any] = {
        "answer": chosen["text"],
        "start": chosen["start"],
        "end": chosen["end"],
        "candidates": candidates,
    }
    return label if prediction.null_score is None else {**label, "no_answer": prediction.null_score}
