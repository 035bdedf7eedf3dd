"""Models that runs have measured, from MLflow or from the runs' folders, in one form."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from distil.framework.extras import need
from distil.framework.outcome import RunResults
from distil.tracking import content
from distil.tracking.client import Destination, open_client, readable_errors
from distil.tracking.content import PARENT_TAG, legal_key

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


_PAGE = 1000


@dataclass(frozen=True)
class Measured:
    """A model with its figures.

    run: name of its run's folder; started: of that run, milliseconds since 1970; digest: of its weights; recipe: all
    of the run's recipe, flattened; settings: of its training; figures: as `content.model_metrics` names them.
    """

    run: str
    started: int
    name: str
    role: str
    digest: str
    recipe: dict[str, str]
    settings: dict[str, str]
    figures: dict[str, float]

    def at(self, place: str) -> str | None:
        """What the recipe says at a dotted place, as text."""
        return self.recipe.get(legal_key(place))


def measured_in(results: RunResults) -> Iterator[Measured]:
    """The models of a run's results that have been measured."""
    recipe = content.run_params(results)
    for model in results.get("models") or []:
        if model.get("evaluation"):
            yield Measured(
                run=results["run"],
                started=content.milliseconds(results["started"]) or 0,
                name=model["name"],
                role=model["role"],
                digest=model["digest"],
                recipe=recipe,
                settings=content.model_params(model),
                figures=content.model_metrics(model),
            )


def measured_at(destination: Destination, dataset: str) -> list[Measured]:
    """The measured models of all tracked runs whose questions come from this dataset of the hub; none without a store.

    Raises MissingPackageError without MLflow, TrackingError if it does not answer.
    """
    need("reading tracked runs", "mlflow")
    if destination.database is not None and not destination.database.exists():
        return []
    with readable_errors(destination, "could not be read"):
        client = open_client(destination)
        experiment = client.get_experiment_by_name(destination.experiment)
        if experiment is None or experiment.lifecycle_stage == "deleted":
            return []
        found = []
        for parent in _search(client, experiment.experiment_id, f"params.`data.source.id` = '{dataset}'"):
            below = f"tags.`{PARENT_TAG}` = '{parent.info.run_id}'"
            found += [_measured(parent, child) for child in _search(client, experiment.experiment_id, below)]
        return [one for one in found if "exact_match" in one.figures]


def _search(client: "MlflowClient", experiment: str, wanted: str) -> Iterator["Run"]:
    token = None
    while True:
        page = client.search_runs([experiment], wanted, max_results=_PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _measured(parent: "Run", child: "Run") -> Measured:
    tags = child.data.tags
    return Measured(
        run=parent.info.run_name,
        started=parent.info.start_time,
        name=child.info.run_name,
        role=tags.get("distil.role", ""),
        digest=tags.get("distil.digest", child.info.run_id),
        recipe=parent.data.params,
        settings=child.data.params,
        figures=child.data.metrics,
    )
