"""What a task reports of a model: what its predictions are worth, and what its card says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from distil.framework.segments import Floats


@dataclass(frozen=True)
class Scores:
    """What a model's predictions are worth.

    metrics: by name, those that the task names and any others; intervals: 95 % bootstrap interval of those that it names;
    variants: the same metrics under other normalisations, by its name; resampled: the values of metrics in every resample,
    [resamples], by which models are compared: one seed draws the same resamples for all models. Of metrics that are not in it,
    differences have no interval; unlocated: the share of what a generative model wrote that its texts do not hold, a mean over
    all examples; unread: the share of the texts that figures say nothing of, as a model reads no more, or nobody speaks of it.
    """

    examples: int
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    variants: dict[str, dict[str, float]]
    resampled: Mapping[str, Floats] = field(default_factory=dict)
    unlocated: float = 0.0
    unread: float = 0.0


@dataclass(frozen=True)
class CardParts:
    """What a task says in the card of a model. results: what the figures are; usage: paragraphs of Markdown, with code."""

    pipeline_tag: str
    introduction: str
    results: str
    limits: Sequence[str]
    usage: Sequence[str]
