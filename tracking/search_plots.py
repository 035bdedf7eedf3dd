"""Pictures of a search: how trials' values go with their metric, and which places matter."""

import io
import os
import warnings
from pathlib import Path
from typing import Any

from framework.files import write_atomic
from framework.search.section import Search
from framework.search.space import Choice
from framework.search.study import study_of

PARALLEL, IMPORTANCE = "parallel_coordinates.png", "importance.png"


def draw_plots(search: Search, trials: list[dict[str, Any]], folder: Path) -> list[str]:
    """Draw what there are enough finished trials for into `folder`; returns the files' names."""
    study = _labelled(search, trials)
    if not study.trials:
        return []
    os.environ.setdefault("MPLBACKEND", "Agg")  # pictures go to files, whatever thread draws them
    from optuna.visualization.matplotlib import plot_parallel_coordinate, plot_param_importances

    warnings.filterwarnings("ignore", module="tracking.search_plots")  # optuna calls these functions experimental

    def metric(trial: Any) -> float:
        return float(trial.values[0])

    _save(plot_parallel_coordinate(study, target=metric, target_name=search.metric), folder / PARALLEL)
    if len({metric(trial) for trial in study.trials}) < 2:
        return [PARALLEL]
    _save(
        plot_param_importances(study, evaluator=_evaluator(), target=metric, target_name=search.metric),
        folder / IMPORTANCE,
    )
    return [PARALLEL, IMPORTANCE]


def _labelled(search: Search, trials: list[dict[str, Any]]) -> Any:
    """The finished trials as a study, in which choices go by what they are and not by their number."""
    import optuna

    labels = {
        place: [str(value) for value in drawn.values]
        for place, drawn in search.space.items()
        if isinstance(drawn, Choice)
    }
    known = study_of(search, trials).optuna
    study = optuna.create_study(directions=known.directions)
    for trial in known.get_trials(states=[optuna.trial.TrialState.COMPLETE]):
        params = {place: labels[place][value] if place in labels else value for place, value in trial.params.items()}
        distributions = {
            place: optuna.distributions.CategoricalDistribution(labels[place]) if place in labels else drawn
            for place, drawn in trial.distributions.items()
        }
        study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions, values=trial.values))
    return study


def _evaluator() -> Any:
    """Functional ANOVA (Hutter et al., ICML 2014)."""
    from optuna.importance import FanovaImportanceEvaluator

    return FanovaImportanceEvaluator(seed=0)


def _save(axes: Any, path: Path) -> None:
    from matplotlib import pyplot

    content = io.BytesIO()
    axes.figure.savefig(content, format="png", bbox_inches="tight", dpi=100)
    pyplot.close(axes.figure)
    write_atomic(path, content.getvalue())
