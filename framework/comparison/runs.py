"""Models of several runs, compared: runs of one recipe with several seeds, and runs of several recipes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import fmean, stdev

from distil.framework.comparison.models import Answered, answered, compare
from distil.framework.comparison.paid import in_words, left_open, pairs, sentences
from distil.framework.digest import digest_of, digest_of_strings
from distil.framework.errors import DataError, OutputError, UserError, first_line
from distil.framework.files import Json, read_json
from distil.framework.metrics import Metric, primary_of
from distil.framework.outcome import ComparisonResults, ModelResults, RunResults
from distil.framework.tasks.base import Examples, Task
from distil.framework.tasks.registry import TaskSummary, summary_in

_CHANGES_NOTHING = ("name", "description", "output", "storage", "tracking", "rehearse")
_SHOWN = 3  # settings by which recipes are told apart

Content = tuple[str, ...]


@dataclass(frozen=True)
class ComparedRun:
    """A run whose models are compared. examples: the labelled ones of its evaluation split."""

    folder: Path
    results: RunResults
    task: Task
    examples: Examples
    known: dict[tuple[str, str], Answered] = field(default_factory=dict)

    @cached_property
    def models(self) -> dict[str, ModelResults]:
        """Those that have been measured, by name."""
        return {model["name"]: model for model in self.results["models"] if model["evaluation"] is not None}

    @cached_property
    def contents(self) -> frozenset[Content]:
        """What tells an example apart: its id, texts and label."""
        return frozenset(tuple(one.content) for one in self.examples)

    @cached_property
    def settings(self) -> dict[str, object]:
        """The recipe by place, without seeds and what changes nothing."""
        values = {key: value for key, value in self.results["recipe"].items() if key not in _CHANGES_NOTHING}
        return {place: value for place, value in _flat(values) if not _is_seed(place)}

    @cached_property
    def seeds(self) -> dict[str, object]:
        """All seeds of the recipe, by place."""
        return {place: value for place, value in _flat(self.results["recipe"]) if _is_seed(place)}

    def answered(self, name: str, among: frozenset[Content]) -> Answered:
        """A model's answers to these of the examples; all runs that have them resample them alike. Raises UserError."""
        examples = sorted((one for one in self.examples if tuple(one.content) in among), key=lambda one: one.content)
        key = digest_of_strings(part for one in examples for part in one.content)
        if (name, key) not in self.known:
            resamples = int(self.results["recipe"]["evaluation"]["bootstrap"])
            predictions = self._predictions(name)
            try:
                found = answered(self.task, examples, predictions, resamples, seed=int(key[:8], 16))
            except (KeyError, TypeError, AttributeError) as error:
                raise DataError(
                    f"the predictions of '{name}' in {self.folder} are not those of its examples ({first_line(error)}); run the "
                    "recipe again to write them anew"
                ) from None
            self.known[name, key] = found
        return self.known[name, key]

    def _predictions(self, name: str) -> Json:
        path = self.folder / str(self.models[name]["predictions"])
        try:
            found: Json = read_json(path)
        except OSError:
            raise OutputError(
                f"{path} is not there, and without what '{name}' answered it cannot be compared; put it back, or run the recipe "
                "again"
            ) from None
        except ValueError as error:
            raise DataError(f"{path} is damaged ({first_line(error)}); run the recipe again to write it anew") from None
        return found


@dataclass(frozen=True)
class Group:
    """Runs of one recipe, in the order of their seeds. label: by which it is told from other recipes."""

    label: str
    runs: list[ComparedRun]

    @cached_property
    def names(self) -> list[str]:
        """The models that all of the runs have."""
        return [name for name in self.runs[0].models if all(name in run.models for run in self.runs)]

    @property
    def seeds(self) -> list[object]:
        """The recipe's seed of every run."""
        return [run.results["recipe"]["seed"] for run in self.runs]

    def figures(self, name: str, metric: Metric) -> list[float]:
        """A metric of a model, by seed; nothing of one that a run has no value of."""
        found = [(run.models[name]["evaluation"] or {}).get(metric.name) for run in self.runs]
        known = [float(value) for value in found if value is not None]
        return known if len(known) == len(found) else []


@dataclass(frozen=True)
class RunComparison:
    """Several runs beside each other. differences: those of models within a recipe, then those of models of one name between
    recipes; conclusions: in sentences."""

    task: TaskSummary
    groups: list[Group]
    differences: list[ComparisonResults]
    conclusions: list[str]

    def as_data(self) -> Json:
        """As plain data."""
        models = [
            {
                "recipe": group.label,
                "model": name,
                "role": group.runs[0].models[name]["role"],
                "runs": [str(run.folder) for run in group.runs],
                "metrics": {
                    metric.name: dict(zip(("mean", "error"), mean_and_error(figures), strict=True))
                    for metric in self.task.metrics
                    if (figures := group.figures(name, metric))
                },
            }
            for group in self.groups
            for name in group.names
        ]
        return {
            "task": self.task.as_data(),
            "models": models,
            "comparisons": self.differences,
            "conclusions": self.conclusions,
        }


def mean_and_error(values: Sequence[float]) -> tuple[float, float | None]:
    """The mean, and its standard error; None of a single value."""
    return fmean(values), stdev(values) / len(values) ** 0.5 if len(values) > 1 else None


def compare_runs(runs: Sequence[ComparedRun]) -> RunComparison:
    """Compare models of runs of one task. Raises UserError for runs that cannot be compared."""
    task = _one_task(runs)
    groups = _groups(runs)
    metric = primary_of(task.metrics)
    differences, conclusions = [], []
    for group in groups:
        found = _within(group, task.metrics)
        differences += found if len(groups) == 1 else [_named(one, group) for one in found]
        said = sentences(found, task.metrics)
        conclusions += said if len(groups) == 1 else [f"{group.label}: {one}" for one in said]
    for group in groups[1:]:
        for one in _between(group, groups[0], task.metrics):
            differences.append(one)
            if metric.name in one["metrics"]:
                apart = "" if one["paired"] else ", unpaired, as they were asked about other examples"
                conclusions.append(f"{one['model']} {in_words(one, metric)}{apart}.")
    if not differences and all(len(group.runs) == 1 for group in groups):
        raise UserError(
            "there is nothing to compare: the runs have no student with a baseline, no ensemble, and no models of one name"
        )
    return RunComparison(task, groups, differences, [*conclusions, *left_open(differences, task.metrics, task.items)])


def _within(group: Group, metrics: Sequence[Metric]) -> list[ComparisonResults]:
    """Models of one recipe, of each seed those of one run."""
    metric = primary_of(metrics)
    means = {name: fmean(figures) for name in group.names if (figures := group.figures(name, metric))}
    wanted = pairs({name: group.runs[0].models[name]["role"] for name in means}, means, metric)

    def answers(name: str) -> list[Answered]:
        return [run.answered(name, run.contents) for run in group.runs]

    return [compare(model, against, answers(model), answers(against), metrics) for model, against in wanted]


def _between(group: Group, other: Group, metrics: Sequence[Metric]) -> Iterator[ComparisonResults]:
    """Models of one name, of two recipes."""
    by_seed = group.seeds == other.seeds and len(set(group.seeds)) == len(group.seeds)
    everywhere = frozenset.intersection(*(run.contents for run in (*group.runs, *other.runs)))
    by_pair = [one.contents & two.contents for one, two in zip(group.runs, other.runs, strict=False)]
    paired = bool(everywhere) or (by_seed and all(by_pair))
    if not paired:
        _same_source(group.runs[0], other.runs[0])
    for name in group.names:
        if name not in other.names or _same_models(group, other, name):
            continue
        if everywhere:
            first, second = ([run.answered(name, everywhere) for run in one.runs] for one in (group, other))
        elif paired:
            first = [run.answered(name, common) for run, common in zip(group.runs, by_pair, strict=True)]
            second = [run.answered(name, common) for run, common in zip(other.runs, by_pair, strict=True)]
        else:
            first, second = ([run.answered(name, run.contents) for run in one.runs] for one in (group, other))
        names = (f"{name} of {group.label}", f"{name} of {other.label}")
        yield compare(*names, first, second, metrics, by_seed=by_seed, paired=paired)


def _named(one: ComparisonResults, group: Group) -> ComparisonResults:
    """With the recipe's name behind the models'."""
    return {**one, "model": f"{one['model']} of {group.label}", "against": f"{one['against']} of {group.label}"}


def _same_models(group: Group, other: Group, name: str) -> bool:
    """Whether both have the very same models, as a teacher that they share."""
    own, others = ([run.models[name]["digest"] for run in one.runs] for one in (group, other))
    return own == others


def _one_task(runs: Sequence[ComparedRun]) -> TaskSummary:
    """The task of all runs."""
    found = [summary_in(run.results) for run in runs]
    for run, task in zip(runs, found, strict=True):
        if (task.kind, task.metrics) != (found[0].kind, found[0].metrics):
            raise UserError(
                f"{run.folder} is a run of {_told(task)}, and {runs[0].folder} of {_told(found[0])}; compare runs of one task"
            )
        if not run.models:
            raise OutputError(f"no model of {run.folder} has been measured yet; run its recipe again to finish it")
    return found[0]


def _told(task: TaskSummary) -> str:
    return f"{task.kind} ({', '.join(metric.label for metric in task.metrics)})"


def _same_source(run: ComparedRun, other: ComparedRun) -> None:
    """Refuse runs on data that have nothing in common. Raises UserError."""
    own, others = ({p: v for p, v in one.settings.items() if p.startswith("data.source.")} for one in (run, other))
    if own != others:
        place = next(place for place in {**own, **others} if own.get(place) != others.get(place))
        raise UserError(
            f"{run.folder} and {other.folder} have no example in common, and come from other data ({place} is "
            f"{own.get(place)!r} and {others.get(place)!r}); compare runs that were measured on one split, or on splits of one source"
        )


def _groups(runs: Sequence[ComparedRun]) -> list[Group]:
    """Runs by recipe, in the order in which they were named. Raises UserError for a run that is there twice."""
    found: dict[str, list[ComparedRun]] = {}
    for run in runs:
        of_recipe = found.setdefault(digest_of(run.settings), [])
        for other in of_recipe:
            if other.seeds == run.seeds:
                raise UserError(
                    f"{other.folder} and {run.folder} are of one recipe with the same seeds, and so the same run; name it once"
                )
        of_recipe.append(run)
    groups = [sorted(of_recipe, key=_in_order) for of_recipe in found.values()]
    return [Group(label, group) for label, group in zip(_labels(groups), groups, strict=True)]


def _in_order(run: ComparedRun) -> tuple[int, str]:
    return int(run.results["recipe"]["seed"]), str(run.folder)


def _labels(groups: Sequence[Sequence[ComparedRun]]) -> list[str]:
    """The recipes' names, with what tells those of one name apart."""
    names = [str(group[0].results["recipe"]["name"]) for group in groups]
    if len(set(names)) == len(names):
        return names
    all_settings = [group[0].settings for group in groups]
    places = list(dict.fromkeys(place for one in all_settings for place in one))
    differing = [place for place in places if len({repr(one.get(place)) for one in all_settings}) > 1]
    more = " …" if len(differing) > _SHOWN else ""
    return [
        f"{name} ({', '.join(f'{place}={one.get(place)}' for place in differing[:_SHOWN])}{more})"
        for name, one in zip(names, all_settings, strict=True)
    ]


def _flat(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in values.items():
        place = f"{prefix}{key}"
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{place}.")
        else:
            yield place, value


def _is_seed(place: str) -> bool:
    return place.rpartition(".")[2] == "seed"
