"""The rules that make one teacher of several."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Discriminator, Field, Tag, model_validator

from distil.framework.config import Section, nearest_hint
from distil.framework.ensembles.base import Mixing, TeacherOutputs
from distil.framework.ensembles.posterior import posterior
from distil.framework.segments import Floats, softmax
from distil.framework.signals.algebra import entropy
from distil.framework.signals.mixing import divergence_from_others


class Mean(Section):
    """p = Σ_k p_k / K (Hinton et al., arXiv 1503.02531)."""

    rule: Literal["mean"] = "mean"
    needs_labels: ClassVar[bool] = False
    metric: ClassVar[str | None] = None
    mixing: ClassVar[Mixing] = "arithmetic"

    def weigh(self, outputs: TeacherOutputs) -> Floats:
        return outputs.equal()


class Geometric(Section):
    """p ∝ exp(Σ_k log p_k / K); for teachers with one tokenizer the softmax of the mean of their logits.

    Yang et al., TextBrewer, arXiv 2002.12620.
    """

    rule: Literal["geometric"] = "geometric"
    needs_labels: ClassVar[bool] = False
    metric: ClassVar[str | None] = None
    mixing: ClassVar[Mixing] = "geometric"

    def weigh(self, outputs: TeacherOutputs) -> Floats:
        return outputs.equal()


class Sampled(Section):
    """The teachers' signals as they are; each batch is taught by one of them, all equally likely.

    Fukuda et al., Efficient knowledge distillation from an ensemble of teachers, Interspeech 2017.
    """

    rule: Literal["sampled"] = "sampled"
    needs_labels: ClassVar[bool] = False
    metric: ClassVar[str | None] = None
    mixing: ClassVar[Mixing] = "one_of"

    def weigh(self, outputs: TeacherOutputs) -> Floats:
        return outputs.equal()


def _form(value: Any) -> str:
    return "metric" if isinstance(value, str) else "given"


Share = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
MetricName = Annotated[str, Field(min_length=1)]
# Told apart beforehand, so that an error speaks of the form that was meant.
Weights = Annotated[
    Annotated[dict[str, Share], Tag("given")] | Annotated[MetricName, Tag("metric")], Discriminator(_form)
]


class Weighted(Section):
    """p = Σ_k w_k · p_k, with the same w for every example.

    Given weights are scaled to sum 1. With the name of a metric they are the softmax w_k ∝ exp(m_k / tau), m_k being the
    teacher's metric on held-out data, in points (of a correlation hundredths): with tau 1 a teacher that is one point
    better weighs e times as much. This softmax is distil's own choice.
    """

    rule: Literal["weighted"] = "weighted"
    weights: Weights = Field(description="By teacher, {a: 2, b: 1}; or a metric of the task: f1, accuracy, ...")
    tau: float = Field(
        default=1.0,
        ge=0.01,
        le=1e6,
        description="Points of the metric that `weights` names. Large: all weigh the same.",
    )
    needs_labels: ClassVar[bool] = False
    mixing: ClassVar[Mixing] = "arithmetic"

    @model_validator(mode="after")
    def _check(self) -> "Weighted":
        # The default may be spelled out, as a resolved recipe does.
        if self.metric is None and self.tau != 1.0:
            raise ValueError(
                "`tau` belongs to `weights` by a metric, and weights are given: drop `tau`, or name a metric, `weights: f1` say"
            )
        return self

    @property
    def metric(self) -> str | None:
        """See Ensemble."""
        return self.weights if isinstance(self.weights, str) else None

    def check(self, names: Sequence[str]) -> list[str]:
        """What is wrong with the weights of teachers that are called `names`, in words; empty if nothing is."""
        return [] if isinstance(self.weights, str) else _problems("weights", self.weights, names)

    def weigh(self, outputs: TeacherOutputs) -> Floats:
        if isinstance(self.weights, str):
            points = np.asarray([outputs.points[name] for name in outputs.names])
            return outputs.same(softmax(points / self.tau))
        given = np.asarray([self.weights[name] for name in outputs.names], np.float64)
        return outputs.same(given / given.sum())


def _problems(option: str, given: Mapping[str, float], names: Sequence[str]) -> list[str]:
    unknown = [
        f"ensemble.{option}: no teacher is called '{name}'; {nearest_hint(name, list(names))}"
        for name in given
        if name not in names
    ]
    return unknown + [f"ensemble.{option}: teacher '{name}' has none: add it" for name in names if name not in given]


class Confidence(Section):
    """p = Σ_k w_k · p_k with w_k = (1 - H_k / Σ_j H_j) / (K - 1), H_k the mean of the entropies of its heads (start and end).

    That weights fall with a teacher's entropy is the idea of Kwon et al. (Adaptive knowledge distillation based on entropy,
    ICASSP 2020). The linear form, one minus a teacher's share in all entropies, is the plainest that has it.
    """

    rule: Literal["confidence"] = "confidence"
    needs_labels: ClassVar[bool] = False
    metric: ClassVar[str | None] = None
    mixing: ClassVar[Mixing] = "arithmetic"

    def weigh(self, outputs: TeacherOutputs) -> Floats:
        entropies = outputs.by_teacher(entropy)
        total = entropies.sum(-1, keepdims=True)
        shares = np.divide(entropies, total, out=outputs.equal(), where=total > 0)
        weights: Floats = (1 - shares) / (len(outputs.names) - 1)
        return weights


class LabelAware(Section):
    """p = Σ_k w_k · p_k with w_k = (1 - softmax_k(CE_k)) / (K - 1).

    CE_k is the cross-entropy of teacher k with the gold answer, the mean over heads (start and end). A question without
    an answer has its mass on null. Weights fall with a teacher's error, as in CA-MKD (Zhang et al., arXiv 2201.00007).
    """

    rule: Literal["label_aware"] = "label_aware"
    needs_labels: ClassVar[bool] = True
    metric: ClassVar[str | None] = None
    mixing: ClassVar[Mixing] = "arithmetic"

    def weigh(self, outputs: TeacherOutputs) -> Floats:
        errors = -outputs.gold_log_likelihood()
        weights: Floats = (1 - softmax(errors)) / (len(outputs.names) - 1)
        return weights


class Agreement(Section):
    """p = Σ_k w_k · p_k with w_k ∝ exp(-JS(p_k, mean of the others) / tau), JS the mean over heads (start and end).

    It takes three teachers: two are equally far from each other, and weigh the same. That opinions should count the less the
    further they are from the others is the idea of Carvalho and Larson (A consensual linear opinion pool, IJCAI 2013); the
    distance is the Jensen–Shannon divergence (Lin, Divergence measures based on the Shannon entropy, IEEE Transactions on
    Information Theory, 1991). The exponential is distil's own choice.
    """

    rule: Literal["agreement"] = "agreement"
    tau: float = Field(default=0.1, ge=0.01, le=1000, description="Nats, of which ln 2 is the greatest distance.")
    needs_labels: ClassVar[bool] = False
    metric: ClassVar[str | None] = None
    mixing: ClassVar[Mixing] = "arithmetic"

    def weigh(self, outputs: TeacherOutputs) -> Floats:
        apart = divergence_from_others(outputs.signals)
        means = [
            signals.head_means(each, ~np.isnan(each)) for signals, each in zip(outputs.signals, apart, strict=True)
        ]
        return softmax(-np.stack(means, axis=1) / self.tau)


class Posterior(Section):
    """p = Σ_k w_k · p_k with w_k ∝ w_k⁰ · exp(L_k / tau), L_k the log-likelihood of the text before the place that is taught.

    So teachers weigh otherwise at each place of a text, the more the better they have foretold it so far. With tau 1 it is the Bayesian
    mixture of the texts that the teachers would write, at most log2(1 / w_k⁰) bits a text longer than any of them.
    """

    rule: Literal["posterior"] = "posterior"
    prior: dict[str, Share] | None = Field(
        default=None, description="w⁰ by teacher, {a: 2, b: 1}, scaled to sum 1; default: the same for all."
    )
    tau: float = Field(
        default=1.0, ge=0.01, le=1e6, description="Nats of log-likelihood. Large: all weigh as their `prior` says."
    )
    needs_labels: ClassVar[bool] = False
    metric: ClassVar[str | None] = None
    mixing: ClassVar[Mixing] = "arithmetic"

    def check(self, names: Sequence[str]) -> list[str]:
        """What is wrong with the priors of teachers that are called `names`, in words; empty if nothing is."""
        return [] if self.prior is None else _problems("prior", self.prior, names)

    def weigh(self, outputs: TeacherOutputs) -> Floats:
        prior = np.asarray([1.0 if self.prior is None else self.prior[name] for name in outputs.names])
        return posterior(outputs, prior / prior.sum(), self.tau).before
