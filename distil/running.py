"""Running a recipe in Python."""

from distil._process import alone, as_guest
from distil.framework.errors import RecipeError
from distil.framework.progress import Progress
from distil.framework.recipe.schema import Recipe
from distil.progress import Watch, progress_of
from distil.recipes import RecipeLike, load_recipe
from distil.results import Run


def run(recipe: RecipeLike, *, progress: Watch = True) -> Run:
    """Run a recipe from data to results, as `distil run` does, with tracking; one that was stopped goes on, a finished one is shown.

    recipe: what `load_recipe` takes. progress: bars (True), nothing (False), or a function that is called with every `Step`.
    In any thread; signals are left alone. Runs of one process wait for each other.

    Raises UserError (RecipeError, DataError, ModelError, …) for what the caller can put right, another DistilError for what else
    goes wrong; what is done stays done.
    """
    with alone():
        return _run(load_recipe(recipe), progress_of(progress))


def _run(checked: Recipe, shown: Progress) -> Run:
    if checked.search is not None:
        raise RecipeError(
            "the recipe has a section `search`: use distil.search, or load_recipe(recipe, {'search': None})"
        )
    if checked.rehearse:
        raise RecipeError("`rehearse` tries a recipe out on the command line: use `distil rehearse`, or drop it")
    if checked.engine.parallel > 1:
        raise RecipeError(
            f"engine.parallel is {checked.engine.parallel}, for which this process would be forked, which its threads would not "
            "survive: use `distil run`, or set it to 1"
        )
    from distil.launch.run import finished, tracked_run

    shown.say(f"{checked.name}: results in {checked.run_folder}")
    results = finished(checked, shown)
    if results is None:
        with as_guest():
            results = tracked_run(checked, shown)
    return Run(checked.run_folder, results)
