"""The no-answer threshold that would have suited a prediction file best (SQuAD 2.0)."""

from collections.abc import Mapping


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
