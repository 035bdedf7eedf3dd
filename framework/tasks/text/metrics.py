"""What predictions of texts are worth: the bits that held-out completions take, a byte, which compares models with unlike tokenizers, and
what a model writes itself.

Predictions are plain data by example id: {"bits": what the completion and its end take, None of a model that writes alone, "bytes": of the
completion in UTF-8, "text": what the model writes after the prompt, None of one that writes nothing, such as an ensemble}.
"""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from distil.framework.metrics import Metric, counts, intervals, resampled_metrics
from distil.framework.segments import Floats
from distil.framework.tasks.base import Plain
from distil.framework.tasks.reports import Scores
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.measures import AnyMeasure, measured, metric_of

BITS_PER_BYTE = Metric(
    "bits_per_byte", "bits per byte", percent=False, higher_is_better=False, primary=True, optional=True
)


def metrics_of(measures: Sequence[AnyMeasure]) -> tuple[Metric, ...]:
    """Bits per byte, and those of what is written."""
    return (BITS_PER_BYTE, *map(metric_of, measures))


def scores(
    examples: Sequence[Written], predicted: Plain, measures: Sequence[AnyMeasure], resamples: int, seed: int
) -> Scores:
    """Of the labelled examples; of bits and of what is written only where the model says the one and does the other. Raises UserError as
    `measured` does."""
    known = [example for example in examples if example.labelled]
    found = [predicted[example.id] for example in known]
    says = all(one["bits"] is not None for one in found)
    taken = np.asarray([[one["bits"], one["bytes"]] for one in found if says], np.float64).reshape(-1, 2)
    texts = [one["text"] for one in found if one["text"] is not None]
    completions = [example.completion for example in known]
    written = measures if known and len(texts) == len(known) else ()
    of_text = {one.metric.name: measured(one, completions, texts) for one in written}

    def figures(times: Floats) -> Mapping[str, Floats]:
        written = {name: value(times) for name, value in of_text.items()}
        if not says:
            return written
        bits, size = (times @ taken).T
        per_byte = np.divide(bits, size, out=np.zeros_like(bits), where=size > 0)
        return {BITS_PER_BYTE.name: per_byte, **written}

    count = len(known)
    whole = {name: float(value[0]) for name, value in figures(np.ones((1, count))).items()}
    resampled = resampled_metrics(lambda drawn: figures(counts(drawn, count)), count, 2 * count, resamples, seed)
    whole_size = sum(len(completion.encode()) for completion in completions)
    unread = 1 - float(taken[:, 1].sum()) / max(whole_size, 1) if known and says else 0.0
    return Scores(count, whole, intervals(resampled), {}, resampled, unread=unread)


def answer_of(prediction: Plain) -> Hashable:
    """What is written, and how likely the completion is, in hundredths of a bit."""
    return prediction["text"], None if prediction["bits"] is None else round(float(prediction["bits"]), 2)
