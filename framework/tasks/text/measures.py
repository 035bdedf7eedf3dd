"""By what the texts that models write are measured, beside the bits that they take: what a recipe names as `task.measures`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, ClassVar, Literal, Protocol

import numpy as np
from pydantic import BeforeValidator, Field

from distil.framework.config import Section
from distil.framework.errors import UserError
from distil.framework.metrics import Metric
from distil.framework.plugins import by_kind, named_in_errors
from distil.framework.segments import Floats

_ORDERS = 6  # of chrF: n-grams of up to so many characters


class TextMeasure(Protocol):
    """A measure of single texts, whose mean counts: one of the user's own, too."""

    metric: Metric

    def score(self, completion: str, text: str) -> float:
        """What a text is worth that a model has written in the place of a completion, both without white space at their ends."""


class ExactMatch(Section):
    """The share of texts that are the completion, runs of white space taken for one space."""

    kind: Literal["exact_match"] = "exact_match"
    after: str | None = Field(
        default=None,
        min_length=1,
        description="Only what stands behind the last of these counts, such as '####'; a text without it is wrong.",
    )
    metric: ClassVar[Metric] = Metric("exact_match", "exact match")

    def score(self, completion: str, text: str) -> float:
        """See TextMeasure."""
        gold, said = self._what_counts(completion), self._what_counts(text)
        return 100.0 * (gold is not None and gold == said)

    def _what_counts(self, text: str) -> str | None:
        if self.after is not None:
            _, found, text = text.rpartition(self.after)
            if not found:
                return None
        return " ".join(text.split())


class RougeL(Section):
    """ROUGE-L (Lin 2004), the F-measure of the longest words that completion and text have in common in their order, by rouge-score; words
    in lower case, of all scripts."""

    kind: Literal["rouge_l"] = "rouge_l"
    metric: ClassVar[Metric] = Metric("rouge_l", "ROUGE-L")

    def score(self, completion: str, text: str) -> float:
        """See TextMeasure."""
        from rouge_score.rouge_scorer import RougeScorer

        found = RougeScorer(["rougeL"], tokenizer=_Words()).score(completion, text)
        return 100.0 * float(found["rougeL"].fmeasure)


class _Words:
    """rouge-score's own take letters of other scripts than Latin for white space."""

    def tokenize(self, text: str) -> list[str]:
        import regex  # type: ignore[import-untyped]

        found: list[str] = regex.findall(r"[\p{L}\p{M}\p{N}]+", text.lower())
        return found


class ChrF(Section):
    """chrF2 (Popović 2015), by sacrebleu: the F-measure of n-grams of characters of all texts together."""

    kind: Literal["chrf"] = "chrf"
    metric: ClassVar[Metric] = Metric("chrf", "chrF")


PACKAGES: Mapping[str, str] = {"chrf": "sacrebleu", "rouge_l": "rouge_score"}

AnyMeasure = Annotated[
    ExactMatch | ChrF | RougeL,
    by_kind(ExactMatch, ChrF, RougeL, protocols=(TextMeasure,)),
    BeforeValidator(lambda value: {"kind": value} if isinstance(value, str) else value),
]


def metric_of(measure: AnyMeasure) -> Metric:
    """Its metric, which models have not that write nothing."""
    return replace(measure.metric, optional=True)


class Measured(Protocol):
    """Texts of E examples, measured: sums over examples, and what they come to."""

    def __call__(self, times: Floats) -> Floats:
        """times: how often each example counts, [R, E]. [R]"""


def measured(measure: AnyMeasure, completions: Sequence[str], texts: Sequence[str]) -> Measured:
    """Raises UserError where a measure of the user's own fails or gives no number."""
    gold, said = [text.strip() for text in completions], [text.strip() for text in texts]
    if isinstance(measure, ChrF):
        from sacrebleu.metrics.chrf import CHRF

        found = CHRF(char_order=_ORDERS)._extract_corpus_statistics(said, [gold])
        return partial(_chrf, np.asarray(found, np.float64))
    place = "task.measures"
    with named_in_errors(place, measure):
        scores = np.asarray([float(measure.score(*both)) for both in zip(gold, said, strict=True)], np.float64)
    if not np.isfinite(scores).all():
        number = int(np.flatnonzero(~np.isfinite(scores))[0])
        raise UserError(
            f"{place}: {type(measure).__name__} gives {scores[number]} for {said[number][:40]!r} in the place of {gold[number][:40]!r}; "
            "a score has to be a finite number"
        )
    return partial(_mean, scores)


def _mean(scores: Floats, times: Floats) -> Floats:
    found: Floats = times @ scores / times.sum(1)
    return found


def _chrf(found: Floats, times: Floats) -> Floats:
    """found: [E, 3 · orders]: n-grams of the text, of the completion, and those in both."""
    said, gold, both = np.moveaxis((times @ found).reshape(len(times), -1, 3), -1, 0)
    known = (said > 0) & (gold > 0)
    orders = np.maximum(known.sum(1), 1)
    precision = np.divide(both, said, out=np.zeros_like(both), where=known).sum(1) / orders
    recall = np.divide(both, gold, out=np.zeros_like(both), where=known).sum(1) / orders
    total = 4 * precision + recall
    found_scores: Floats = 100 * np.divide(5 * precision * recall, total, out=np.zeros_like(total), where=total > 0)
    return found_scores
