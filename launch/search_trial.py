"""What a trial does in its Ray process, which is itself the trial's first worker."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress

from distil.framework.data.load import Split
from distil.framework.files import Json
from distil.launch.remote import StoreLocation

# A trial tells Tune about its epochs, with `score` as what schedulers look at, of the step from which it goes on, and last how it came out.
EPOCH, SCORE, GOES_ON, OUTCOME, REASON = "epoch", "score", "goes_on", "outcome", "reason"


def order(number: int, values: Json, told: list[dict[str, float]]) -> Json:
    """A trial's configuration for Tune. As text, since Tune would take a value apart that is a section."""
    return {"number": number, "order": json.dumps({"values": values, "told": told})}


def search_trial(
    config: Json,
    base: Json,
    data: Mapping[str, Split],
    location: StoreLocation,
    folder: str,
    sources: Mapping[str, str],
    workers: int,
    gpu: bool,
) -> None:
    """Run a trial and report to Tune.

    base: the resolved recipe; data: its data; location: of its store; folder: in which `distil` was started, if it is there;
    sources: the folders of models that were kept in the store, for machines that do not see them.
    """
    with suppress(OSError):
        os.chdir(folder)  # Tune moves into a folder of its own
    if not gpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # Ray leaves all GPUs in sight of a trial that asked for none
    from distil.launch.quiet import be_quiet, quiet_transformers

    be_quiet()
    quiet_transformers()
    from ray import tune

    from distil.framework.errors import DistilError, is_out_of_memory
    from distil.framework.recipe.load import recipe_from_values
    from distil.framework.search.recipes import varied
    from distil.framework.search.trial import run_trial
    from distil.launch.remote import with_sources
    from distil.launch.search_group import trainer_group

    store = location.here()
    base = {**with_sources(base, sources, store), "output": str(store.root.parent)}
    recipe = recipe_from_values(base, "search")
    assert recipe.search is not None
    metric = recipe.search.metric
    given = json.loads(config["order"])
    values = with_sources(given["values"], sources, store)

    def tell(row: dict[str, float]) -> None:
        tune.report({EPOCH: row["epoch"], SCORE: row[metric], "row": row})

    def goes_on(step: int, steps: int) -> None:
        tune.report({GOES_ON: f"goes on from step {step} of {steps}"})

    # What was told before a restart is told again, so that the scheduler knows what it knew.
    for row in given["told"]:
        tell(row)
    told = max((row["epoch"] for row in given["told"]), default=0)
    with trainer_group(workers, recipe.search.resources.cpus, location) as train:
        try:
            outcome = run_trial(recipe, values, train, tell, told, data, goes_on)
        except DistilError as error:
            tune.report({REASON: str(error)})
            return
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            tune.report({REASON: "out of memory: lower student.batch_size or micro_batch, or the model's size"})
            return
    student = varied(recipe, values).student
    assert student is not None
    tune.report({EPOCH: student.all_epochs, SCORE: outcome["metrics"][metric], OUTCOME: outcome})
