"""Did it pay? Each student beside its baselines, each ensemble beside its best member, and teachers beside the student without any,
as differences and in words."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from distil.framework.comparison.models import Answered, compare
from distil.framework.language.words import ENGLISH, Words
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
    metric = primary_of(metrics)
    measured = {model["name"]: model for model in models if metric.name in (model["evaluation"] or {})}
    figures = {name: model["evaluation"][metric.name] for name, model in measured.items() if model["evaluation"]}
    wanted = pairs({name: model["role"] for name, model in measured.items()}, figures, metric)
    found = {name: [answers(measured[name])] for name in dict.fromkeys(name for pair in wanted for name in pair)}
    return [compare(model, against, found[model], found[against], metrics) for model, against in wanted]


def conclusions(
    found: Sequence[ComparisonResults], metrics: Sequence[Metric], items: str, words: Words = ENGLISH
) -> list[str]:
    """What comparisons say by the primary metric, in sentences, and what they leave open. items: what examples are called."""
    return [*sentences(found, metrics, words), *left_open(found, metrics, items, words)]


def sentences(found: Sequence[ComparisonResults], metrics: Sequence[Metric], words: Words = ENGLISH) -> list[str]:
    """What the comparisons of `pairs` say by the primary metric."""
    metric = primary_of(metrics)
    told = _told(found, metric)
    by_model: dict[str, list[ComparisonResults]] = {}
    for one in told:
        by_model.setdefault(one["model"], []).append(one)
    said = [_sentence(name, by_model[name], metric, words) for name in ("ensemble", "student") if name in by_model]
    return said + [_teacher(one, metric, words) for one in told if _teaches_nothing(one, metric)]


def left_open(
    found: Sequence[ComparisonResults], metrics: Sequence[Metric], items: str, words: Words = ENGLISH
) -> Iterator[str]:
    """What comparisons do not tell, in sentences."""
    metric = primary_of(metrics)
    told = _told(found, metric)
    if any(one["metrics"][metric.name]["verdict"] == "open" for one in told):
        count = min(one["examples"] for one in told)
        yield words("paid too few", items=words.counted(items, count))
    if any(one["seeds"] == 1 for one in told):
        yield words("paid one seed")


def _told(found: Sequence[ComparisonResults], metric: Metric) -> list[ComparisonResults]:
    return [one for one in found if metric.name in one["metrics"]]


def in_words(one: ComparisonResults, metric: Metric, against: str | None = None, words: Words = ENGLISH) -> str:
    """One comparison by one metric, as what follows the model's name. against: what the other one is called."""
    found = one["metrics"][metric.name]
    other, within = against or one["against"], bounds(found, metric, words)
    if found["verdict"] == "open":
        change = words.figures(_beside(found, metric)[0])
        return words("paid open", other=other, difference=change, label=metric.label, bounds=within)
    size = words.figures(_beside(found, metric)[0].lstrip("+-"))
    amount = words("paid points" if metric.percent else "paid size", size=size, label=metric.label)
    above = {"better": "paid above", "worse": "paid below"}[found["verdict"]]
    name = above if metric.higher_is_better else f"paid {found['verdict']}"
    return words(name, amount=amount, size=size, label=metric.label, other=other, bounds=within)


def bounds(found: DifferenceResults, metric: Metric, words: Words = ENGLISH) -> str:
    """The interval of a difference."""
    return words.figures(f"[{', '.join(_beside(found, metric)[1:])}]")


def _beside(found: DifferenceResults, metric: Metric) -> list[str]:
    """A difference and the bounds of its interval."""
    return metric.beside([found["difference"], *found["interval"]], signed=True)


def _sentence(name: str, found: Sequence[ComparisonResults], metric: Metric, words: Words) -> str:
    parts = []
    for one in found:
        against = words("paid best teacher", name=one["against"]) if name == "ensemble" else one["against"]
        parts.append(in_words(one, metric, against, words))
    said = parts[0] if len(parts) == 1 else words("clauses", first=", ".join(parts[:-1]), last=parts[-1])
    return words(f"paid {name}", said=said)


def _teaches_nothing(one: ComparisonResults, metric: Metric) -> bool:
    """Whether a teacher is not better than the student without one."""
    teacher = one["model"] not in ("ensemble", "student")
    return teacher and one["metrics"][metric.name]["verdict"] != "better"


def _teacher(one: ComparisonResults, metric: Metric, words: Words) -> str:
    return words("paid teacher", name=one["model"], said=in_words(one, metric, words=words))
