"""What makes two answers count as the same text."""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from distil.framework.errors import DataError
from distil.framework.tasks.span_qa.data import QAExample

Normalise = Callable[[str], str]

_ARTICLE = re.compile(r"\b(?:a|an|the)\b")
_DROP_ASCII_PUNCTUATION = str.maketrans("", "", string.punctuation)

_QUOTES = "«»‹›„“”‟‚‘’‛"
# Unicode's dash punctuation (category Pd) outside ASCII, and the minus sign, which is a symbol (Sm).
_DASHES = (
    "\u058a\u05be\u1400\u1806\u2010\u2011\u2012\u2013\u2014\u2015\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u2e5d"
    "\u301c\u3030\u30a0\ufe31\ufe32\ufe58\ufe63\uff0d\U00010ead\u2212"
)
_RUSSIAN = str.maketrans("ё", "е", _QUOTES + _DASHES)


def official(text: str) -> str:
    """Normalise as the SQuAD 1.1 and 2.0 scripts do (Rajpurkar et al. 2016, arXiv:1606.05250).

    Lower case; ASCII punctuation dropped; English articles dropped where they stand as words; runs of white
    space become one space, none at the ends.
    """
    words = _ARTICLE.sub(" ", text.lower().translate(_DROP_ASCII_PUNCTUATION))
    return " ".join(words.split())


def russian(text: str) -> str:
    """Normalise as `official` does, then drop typographic quotes and every dash, and read ё as е.

    A dash is dropped as the official rule drops the ASCII hyphen, so «из-за» equals «из–за». Letters written
    with combining marks are composed first. Working on the official form means that two answers which
    are officially the same are the same here too.
    """
    composed = unicodedata.normalize("NFC", official(text))
    return " ".join(composed.translate(_RUSSIAN).split())


def best_threshold(
    scores: Mapping[str, float],
    predictions: Mapping[str, str],
    no_answer_scores: Mapping[str, float],
    has_answer: Mapping[str, bool],
) -> tuple[float, float]:
    """Find the threshold on the no-answer score at which the mean score is highest.

    At first every question is left unanswered, which earns one point for each unanswerable question. Then,
    in the order of rising no-answer scores, one question after another keeps its predicted text: an
    answerable one gains its score, an unanswerable one loses its point if the text is not empty. As in the
    official 2.0 script (Rajpurkar et al. 2018, arXiv:1806.03822), questions of equal no-answer score are
    taken one by one, the first of several best places wins, and the threshold is 0 if nothing beats silence.

    `scores` holds each question's exact match or F1 (0 to 1) with its text kept.
    Returns (best mean score in per cent, threshold).
    """
    points = best = float(sum(not answerable for answerable in has_answer.values()))
    threshold = 0.0
    for question in sorted(no_answer_scores, key=no_answer_scores.__getitem__):
        if question not in scores:
            continue
        if has_answer[question]:
            points += scores[question]
        elif predictions[question]:
            points -= 1.0
        if points > best:
            best, threshold = points, no_answer_scores[question]
    return 100.0 * best / len(scores), threshold


Variant = Literal["squad", "squad_v2"]


@dataclass(frozen=True, slots=True)
class Scores:
    """Each question's scores, in the order of the examples: `ids` [n], `em` and `f1` float64 [n], 0 to 1."""

    ids: tuple[str, ...]
    em: NDArray[np.float64]
    f1: NDArray[np.float64]


def score_example(
    prediction: str, golds: Sequence[str], normalise: Normalise = official, variant: Variant = "squad"
) -> tuple[float, float]:
    """Exact match and F1 (each 0 to 1) of one prediction, each the best over the accepted answers.

    The scripts differ where normalising leaves nothing. 2.0 ignores accepted answers that normalise to
    nothing, takes the empty text as the answer if none is left, and gives F1 1 when both sides are empty; 1.1
    gives F1 0 then, and has no score without an accepted answer (ValueError).
    """
    said = normalise(prediction)
    wanted = [normalise(gold) for gold in golds]
    if variant == "squad_v2":
        wanted = [gold for gold in wanted if gold] or [""]
    exact = max(float(said == gold) for gold in wanted)
    f1 = max(_token_f1(said.split(), gold.split(), variant) for gold in wanted)
    return exact, f1


def squad_v1(examples: Sequence[QAExample], predictions: Mapping[str, str]) -> dict[str, Any]:
    """Score predictions (texts by example id) as the 1.1 script does, in per cent.

    Returns `exact_match` and `f1`, and both again under `russian` with Russian normalisation. A question
    without a prediction counts as 0; predictions for other questions are ignored.

    Raises DataError when there is no example, when one is unlabelled, or when one is unanswerable.
    """
    return {
        **_percent_v1(per_example_v1(examples, predictions)),
        "russian": _percent_v1(per_example_v1(examples, predictions, russian)),
    }


def squad_v2(
    examples: Sequence[QAExample],
    predictions: Mapping[str, str],
    no_answer_scores: Mapping[str, float] | None = None,
    threshold: float = 1.0,
) -> dict[str, Any]:
    """Score predictions (texts by example id) as the 2.0 script does, in per cent.

    A question whose no-answer score is above `threshold` counts as left unanswered, whatever its text.
    Without `no_answer_scores` they are all 0.

    Returns `exact`, `f1` and `total`; the same with prefix `HasAns_` and `NoAns_` where there are such
    questions; with no-answer scores also `best_exact`, `best_exact_thresh`, `best_f1` and `best_f1_thresh`;
    and all of these again under `russian` with Russian normalisation.

    Raises DataError when there is no example, when one is unlabelled, or when a prediction or a
    no-answer score is missing (the official script fails there too).
    """
    return {
        **_percent_v2(examples, predictions, no_answer_scores, threshold, official),
        "russian": _percent_v2(examples, predictions, no_answer_scores, threshold, russian),
    }


def per_example_v1(
    examples: Sequence[QAExample], predictions: Mapping[str, str], normalise: Normalise = official
) -> Scores:
    """The scores whose means `squad_v1` reports. Raises DataError as it does."""
    _check_labelled(examples)
    scores: list[tuple[float, float]] = []
    for example in examples:
        golds = _golds(example)
        if not golds:
            raise DataError(
                f"question '{example.id}' has no accepted answer, which SQuAD 1.1 cannot score; "
                "score data with unanswerable questions as SQuAD 2.0"
            )
        prediction = predictions.get(example.id)
        scores.append((0.0, 0.0) if prediction is None else score_example(prediction, golds, normalise))
    return _as_arrays([example.id for example in examples], scores)


def per_example_v2(
    examples: Sequence[QAExample],
    predictions: Mapping[str, str],
    no_answer_scores: Mapping[str, float] | None = None,
    threshold: float = 1.0,
    normalise: Normalise = official,
) -> Scores:
    """The scores, after the threshold, whose means `squad_v2` reports. Raises DataError as it does."""
    raw = _raw_v2(examples, predictions, normalise)
    final = _apply_threshold(raw, _has_answer(examples), no_answer_scores, threshold)
    return _as_arrays(list(final), list(final.values()))


def _token_f1(said: list[str], gold: list[str], variant: Variant) -> float:
    if variant == "squad_v2" and not (said and gold):
        return float(said == gold)
    shared = (Counter(said) & Counter(gold)).total()
    if shared == 0:
        return 0.0
    # Through precision and recall rather than 2·shared / (|said| + |gold|): equal to the last bit that way.
    precision = shared / len(said)
    recall = shared / len(gold)
    return 2 * precision * recall / (precision + recall)


def _percent_v1(scores: Scores) -> dict[str, float]:
    # Added one by one, in order, as the script does: `sum` and numpy round differently.
    exact = f1 = 0.0
    for one_exact, one_f1 in zip(scores.em.tolist(), scores.f1.tolist(), strict=True):
        exact += one_exact
        f1 += one_f1
    total = len(scores.ids)
    return {"exact_match": 100.0 * exact / total, "f1": 100.0 * f1 / total}


def _percent_v2(
    examples: Sequence[QAExample],
    predictions: Mapping[str, str],
    no_answer_scores: Mapping[str, float] | None,
    threshold: float,
    normalise: Normalise,
) -> dict[str, float]:
    has_answer = _has_answer(examples)
    raw = _raw_v2(examples, predictions, normalise)
    final = _apply_threshold(raw, has_answer, no_answer_scores, threshold)
    results = _means(list(final.values()))
    for prefix, wanted in (("HasAns", True), ("NoAns", False)):
        part = [final[question] for question, answerable in has_answer.items() if answerable is wanted]
        if part:
            results |= {f"{prefix}_{name}": value for name, value in _means(part).items()}
    if no_answer_scores is not None:
        for name, column in (("exact", 0), ("f1", 1)):
            scores = {question: pair[column] for question, pair in raw.items()}
            best, place = best_threshold(scores, predictions, no_answer_scores, has_answer)
            results |= {f"best_{name}": best, f"best_{name}_thresh": place}
    return results


def _means(scores: list[tuple[float, float]]) -> dict[str, float]:
    total = len(scores)
    return {
        "exact": 100.0 * sum(exact for exact, _ in scores) / total,
        "f1": 100.0 * sum(f1 for _, f1 in scores) / total,
        "total": total,
    }


def _raw_v2(
    examples: Sequence[QAExample], predictions: Mapping[str, str], normalise: Normalise
) -> dict[str, tuple[float, float]]:
    _check_labelled(examples)
    _check_complete([example.id for example in examples], predictions, "prediction")
    return {
        example.id: score_example(predictions[example.id], _golds(example), normalise, "squad_v2")
        for example in examples
    }


def _apply_threshold(
    raw: dict[str, tuple[float, float]],
    has_answer: Mapping[str, bool],
    no_answer_scores: Mapping[str, float] | None,
    threshold: float,
) -> dict[str, tuple[float, float]]:
    doubts = dict.fromkeys(raw, 0.0) if no_answer_scores is None else no_answer_scores
    _check_complete(list(raw), doubts, "no-answer score")
    final = {}
    for question, scores in raw.items():
        silent = float(not has_answer[question])
        final[question] = (silent, silent) if doubts[question] > threshold else scores
    return final


def _has_answer(examples: Sequence[QAExample]) -> dict[str, bool]:
    return {example.id: bool(example.answers) for example in examples}


def _golds(example: QAExample) -> list[str]:
    return [answer.text for answer in example.answers or ()]


def _as_arrays(ids: list[str], scores: list[tuple[float, float]]) -> Scores:
    columns = np.array(scores, dtype=np.float64)
    return Scores(tuple(ids), columns[:, 0], columns[:, 1])


def _check_labelled(examples: Sequence[QAExample]) -> None:
    if not examples:
        raise DataError("there is no question to score; expected at least one labelled example")
    for example in examples:
        if example.answers is None:
            raise DataError(
                f"question '{example.id}' is unlabelled, so that its prediction cannot be scored; "
                "evaluate on a split with answers"
            )


def _check_complete(ids: list[str], given: Mapping[str, object], what: str) -> None:
    missing = [question for question in ids if question not in given]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(ids)} questions have no {what}, the first being '{missing[0]}'; "
            f"SQuAD 2.0 needs one {what} for every question (an empty text is a prediction)"
        )
