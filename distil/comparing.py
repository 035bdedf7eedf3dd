"""Models of several runs beside each other, in Python."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from distil.differences import Comparison, comparison_of, differences_frame
from distil.framework.errors import UserError
from distil.framework.outcome import Role
from distil.results import Run

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped]

    from distil.framework.comparison.runs import Group, RunComparison


@dataclass(frozen=True)
class ComparedModel:
    """A model of all runs of one recipe. recipe: by which it is told from other recipes; metrics: means over runs, by name, of those that
    it has; errors: their standard errors, None of one run."""

    recipe: str
    name: str
    role: Role
    runs: Sequence[Path]
    metrics: Mapping[str, float]
    errors: Mapping[str, float | None]


@dataclass(frozen=True)
class ComparedRuns:
    """What `distil compare` prints. comparisons: of models within a recipe, then of those of one name between recipes; conclusions: in
    sentences."""

    models: Sequence[ComparedModel]
    comparisons: Sequence[Comparison]
    conclusions: Sequence[str]
    markdown: str

    def to_pandas(self) -> "pandas.DataFrame":
        """A row for each comparison and metric, with the difference, its interval and its verdict."""
        return differences_frame(self.comparisons)

    def to_markdown(self) -> str:
        """Both tables, and the conclusions."""
        return self.markdown

    _repr_markdown_ = to_markdown  # by which a notebook shows it


def compare(*runs: "Run | str | PathLike[str]") -> ComparedRuns:
    """How models of these runs differ, as `distil compare` says it. runs: they, or their folders; one alone is compared within itself.

    Raises UserError for runs that cannot be compared, or whose data or predictions are not there any more.
    """
    wrong = [one for one in runs if not isinstance(one, Run | str | PathLike)]
    if not runs or wrong:
        found = f"{wrong[0]!r:.80}" if wrong else "nothing"
        raise UserError(f"expected runs, or their folders, one after the other: compare(first, second); found {found}")
    from distil.framework.comparison.runs import compare_runs
    from distil.launch.compare import in_markdown, opened

    compared = compare_runs(opened([one.folder if isinstance(one, Run) else Path(one) for one in runs]))
    return ComparedRuns(
        models=[_model(compared, group, name) for group in compared.groups for name in group.names],
        comparisons=[comparison_of(one) for one in compared.differences],
        conclusions=compared.conclusions,
        markdown=in_markdown(compared),
    )


def _model(compared: "RunComparison", group: "Group", name: str) -> ComparedModel:
    from distil.framework.comparison.runs import mean_and_error

    known = {metric.name: group.figures(name, metric) for metric in compared.task.metrics}
    found = {metric: mean_and_error(figures) for metric, figures in known.items() if figures}
    return ComparedModel(
        recipe=group.label,
        name=name,
        role=group.runs[0].models[name]["role"],
        runs=[run.folder for run in group.runs],
        metrics={metric: mean for metric, (mean, _) in found.items()},
        errors={metric: error for metric, (_, error) in found.items()},
    )
