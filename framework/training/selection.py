"""Which of a training's weights are kept, and whether it ends early, by a metric that is measured on the way."""

import math
from dataclasses import asdict, dataclass, replace

from distil.framework.files import Json
from distil.framework.language.words import ENGLISH, Words
from distil.framework.metrics import Metric


@dataclass(frozen=True)
class Standing:
    """How the measurements stand. step, value: of the best one, of equal ones the first; None before there is any; since: how many
    have come after it."""

    step: int | None = None
    value: float | None = None
    since: int = 0

    def after(self, step: int, value: float, metric: Metric) -> "Standing":
        """With one measurement more. What is no number (a correlation of answers that are all the same) is never the best."""
        better = self.value is None or metric.gain(value) > metric.gain(self.value)
        if math.isfinite(value) and better:
            return Standing(step, value)
        return replace(self, since=self.since + 1)

    def as_plain(self) -> Json:
        """As plain data, for a checkpoint."""
        return asdict(self)


@dataclass(frozen=True)
class Selection:
    """What a training goes by. best: whether the weights of the best measurement are kept, instead of the last ones; patience: it
    ends after so many measurements in a row that were not better; None: it does not."""

    metric: Metric
    best: bool
    patience: int | None

    def ends(self, standing: Standing) -> bool:
        """Whether the training is over."""
        return self.patience is not None and standing.since >= self.patience

    def facts(self, standing: Standing, step: int, planned: int) -> Json:
        """What came of it, as results.json has it, of a training that ended after `step` of `planned` steps."""
        kept = standing.step if self.best and standing.step is not None else step
        return {
            "metric": self.metric.name,
            "best_step": standing.step,
            "best_value": standing.value,
            "kept_step": kept,
            "planned_steps": planned,
            "ended": "patience" if step < planned else "steps",
        }


def in_words(name: str, training: Json, settings: Json, metric: Metric, words: Words = ENGLISH) -> str:
    """Which weights of a model were kept and why its training ended, in a sentence. training: its facts, as results.json has them;
    settings: of its training; metric: the one that its `selection` names."""
    found = training["selection"]
    step, best = found["kept_step"], found["best_step"]
    if best is None:
        kept = words("kept last", name=name, step=words.figures(f"{step:,}"))
    else:
        kept = words(
            "kept best" if step == best else "kept last, not best",
            name=name,
            step=words.figures(f"{step:,}"),
            label=metric.label,
            split=settings["validation"],
            value=words.figures(metric.text(found["best_value"])),
            best=words.figures(f"{best:,}"),
        )
    if found["ended"] == "steps":
        return f"{kept}; {words('ended by steps', training['steps'])}."
    steps, planned = (words.figures(f"{count:,}") for count in (training["steps"], found["planned_steps"]))
    return f"{kept}; {words('ended by patience', settings['patience'], steps=steps, planned=planned)}."
