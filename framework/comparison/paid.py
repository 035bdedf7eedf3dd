"""Did it pay? Each student beside its baselines, each ensemble beside its best member, and teachers beside the student without any,
as differences and in words."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from distil.framework.comparison.models import Answered, compare
from distil.framework.metrics import Metric, primary_of
from distil.framework.outcome import ComparisonResults, DifferenceResults, ModelResults, Role

ALONE = "student_no_distillation"


def pairs(roles: Mapping[str, Role], figures: Mapping[str, float], metric: Metric) -> list[tuple[str, str]]:
    """Who is compared with whom. roles: of the models that were measured; figures: the metric of each."""
    of_role = {role: [name for name, own in roles.items() if own == role] for role in ("teacher", "baseline")}
    found = []
    if "ensemble" in roles and of_role["teacher"]:
        found.append(("ensemble", max(of_role["teacher"], key=lambda name: metric.gain(figures[name]))))
    if "student" in roles:
        found += [("student", baseline) for baseline in of_role["baseline"]]
    if ALONE in roles:
        found += [(teacher, ALONE) for teacher in of_role["teacher"]]
    return found


def paid_in_run(
    models: Sequence[ModelResults], metrics: Sequence[Metric], answers: Callable[[ModelResults], Answered]
) -> list[ComparisonResults]:
    """All that `pairs` says of the models of a run. answers: what is known of a model's, asked for once."""
    measured = {model["name"]: model for model in models if model["evaluation"] is not None}
    metric = primary_of(metrics)
    figures = {name: model["evaluation"][metric.name] for name, model in measured.items() if model["evaluation"]}
    wanted = pairs({name: model["role"] for name, model in measured.items()}, figures, metric)
    found = {name: [answers(measured[name])] for name in dict.fromkeys(name for pair in wanted for name in pair)}
    return [compare(model, against, found[model], found[against], metrics) for model, against in wanted]


def conclusions(found: Sequence[ComparisonResults], metrics: Sequence[Metric], items: str) -> list[str]:
    """What comparisons say by the primary metric, in sentences, and what they leave open. items: what examples are called."""
    return [*sentences(found, metrics), *left_open(found, metrics, items)]


def sentences(found: Sequence[ComparisonResults], metrics: Sequence[Metric]) -> list[str]:
    """What the comparisons of `pairs` say by the primary metric."""
    metric = primary_of(metrics)
    told = _told(found, metric)
    by_model: dict[str, list[ComparisonResults]] = {}
    for one in told:
        by_model.setdefault(one["model"], []).append(one)
    said = [_sentence(name, by_model[name], metric) for name in ("ensemble", "student") if name in by_model]
    return said + [_teacher(one, metric) for one in told if _teaches_nothing(one, metric)]


def left_open(found: Sequence[ComparisonResults], metrics: Sequence[Metric], items: str) -> Iterator[str]:
    """What comparisons do not tell, in sentences."""
    metric = primary_of(metrics)
    told = _told(found, metric)
    if any(one["metrics"][metric.name]["verdict"] == "open" for one in told):
        count = min(one["examples"] for one in told)
        yield f"What cannot be told by these {count:,} {items} may be by more of them, or by several seeds."
    if any(one["seeds"] == 1 for one in told):
        yield (
            "One seed: this is said of these models; others of the same recipe may differ (`distil compare` takes runs of "
            "several seeds)."
        )


def _told(found: Sequence[ComparisonResults], metric: Metric) -> list[ComparisonResults]:
    return [one for one in found if metric.name in one["metrics"]]


def in_words(one: ComparisonResults, metric: Metric, against: str | None = None) -> str:
    """One comparison by one metric, as what follows the model's name. against: what the other one is called."""
    found = one["metrics"][metric.name]
    other = against or one["against"]
    if found["verdict"] == "open":
        return f"cannot be told from {other} ({metric.change(found['difference'], 1)} {metric.label} {bounds(found, metric)})"
    size = metric.text(abs(found["difference"]))
    amount = f"{size} points of {metric.label}" if metric.percent else f"{size} of {metric.label}"
    if not metric.higher_is_better:
        return f"is {found['verdict']} than {other} by {amount} {bounds(found, metric)}"
    return f"is {amount} {'above' if found['verdict'] == 'better' else 'below'} {other} {bounds(found, metric)}"


def bounds(found: DifferenceResults, metric: Metric) -> str:
    """The interval of a difference."""
    low, high = found["interval"]
    return f"[{metric.change(low, 1)}, {metric.change(high, 1)}]"


def _sentence(name: str, found: Sequence[ComparisonResults], metric: Metric) -> str:
    parts = []
    for one in found:
        against = f"its best teacher, {one['against']}" if name == "ensemble" else one["against"]
        parts.append(in_words(one, metric, against))
    return f"The {name} {_joined(parts)}."


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])}, and {parts[-1]}"


def _teaches_nothing(one: ComparisonResults, metric: Metric) -> bool:
    """Whether a teacher is not better than the student without one."""
    teacher = one["model"] not in ("ensemble", "student")
    return teacher and one["metrics"][metric.name]["verdict"] != "better"


def _teacher(one: ComparisonResults, metric: Metric) -> str:
    return f"The teacher {one['model']} {in_words(one, metric)}: it has little to teach."
