"""Finished runs and searches as commands look at them. `distil best`: what a search has found; `distil report` and `distil track`: a run
or a search as a table, a page, beside the paper's table, or in MLflow."""

import json
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from distil.framework.errors import DistilError, OutputError, UserError, reason
from distil.framework.extras import need
from distil.framework.files import Json, write_atomic
from distil.framework.outcome import ModelResults, RunResults, SearchResults, TrialResults
from distil.framework.paper import DATASET, QUESTIONS, SPLIT
from distil.framework.recipe.sections import Tracking
from distil.framework.results import read_results
from distil.framework.search.log import SEARCH, read_search, recipe_of_trial
from distil.framework.tasks.registry import TaskSummary, summary_in
from distil.launch.quiet import be_quiet

if TYPE_CHECKING:
    from pydantic import BaseModel

    from distil.framework.recipe.schema import Recipe


def show_best(run: Path, to: Path | None, number: int | None) -> None:
    """Print the recipe of a trial, by default of the best, and copy its student. Raises OutputError or RecipeError."""
    be_quiet()
    from distil.framework.answer import note_measuring
    from distil.framework.export.export import copy_model, new_folder  # which takes PyTorch, as a report does not
    from distil.framework.recipe.load import as_yaml, recipe_from_values

    if not (run / SEARCH).is_file():
        raise OutputError(f"no search at {run}: expected a folder with {SEARCH}; `distil search RECIPE` makes one")
    values = read_search(run)
    trial = _trial(run, values, number)
    recipe = recipe_from_values(values["recipe"], str(run / SEARCH))
    if to is not None:
        with new_folder(to) as folder:
            copy_model(run.absolute().parent / trial["seeds"][0]["folder"], folder)
            note_measuring(folder, recipe_of_trial(recipe, trial).task.model_dump(mode="json"))
        print(f"the student of trial {trial['number']} is in {to}", file=sys.stderr)
    print(as_yaml(recipe_of_trial(recipe, trial)), end="")


def run_of_best(run: Path) -> Path:
    """The folder of the run of a search's best trial, as `distil run` on its recipe leaves it. Raises OutputError without
    a best trial."""
    from distil.framework.recipe.load import recipe_from_values

    values = read_search(run)
    recipe = recipe_from_values(values["recipe"], str(run / SEARCH))
    return run.absolute().parent / recipe_of_trial(recipe, _trial(run, values, None)).run_folder.name


def best_student(run: Path) -> Json:
    """The student of a search's best trial, as search.json has it. Raises OutputError, StoreError."""
    return dict(_trial(run, read_search(run), None)["seeds"][0])


def _trial(run: Path, values: SearchResults, number: int | None) -> TrialResults:
    finished = {trial["number"]: trial for trial in values["trials"] if trial["state"] == "finished"}
    chosen = values["best"] if number is None else number
    if chosen is None or not finished:
        raise OutputError(
            f"no trial of {run} is finished; `distil resume {quote(str(run))}` goes on with the search, or shows why there is none"
        )
    if chosen not in finished:
        raise OutputError(f"{run} has no finished trial {chosen}; finished are {', '.join(map(str, finished))}")
    return finished[chosen]


def shown(response: "BaseModel") -> Json:
    """A response as it is printed: fractions with four places."""
    values: Json = _rounded(response.model_dump(mode="json"))
    return values


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return round(value, 4) if isinstance(value, float) else value


def results_of(run: Path) -> RunResults:
    """The results of a run. Raises OutputError if there are none, StoreError as read_results does."""
    try:
        return read_results(run)
    except (FileNotFoundError, NotADirectoryError):
        if (run / SEARCH).is_file():
            raise OutputError(
                f"{run} is a search and no run: `distil report --html {quote(str(run))}` makes a page of it, and `distil best "
                f"{quote(str(run))}` prints the recipe of its best trial"
            ) from None
        near = sorted(str(path.parent) for path in Path("runs").glob("*/results.json"))
        hint = f"; here are {', '.join(near[:8])}" if near else "; `distil run RECIPE` makes one"
        raise OutputError(f"no run at {run}: expected a folder with results.json{hint}") from None


@dataclass(frozen=True)
class OnlyModel:
    """The one model that a folder stands for; metrics: what is known of it, by the task's names; recipe: of a search's trial."""

    folder: Path
    role: str
    metrics: Json
    task: TaskSummary
    recipe: "Recipe | None" = None


def only_model(source: Path, name: str | None) -> OnlyModel | None:
    """A saved model, or the student of a search's best trial; None where `source` is neither, but may be a run.

    Raises OutputError for a `name`, which only models of a run have, and for a search without a best trial.
    """
    saved, search = (source / "config.json").exists(), (source / SEARCH).is_file()
    if name is not None and (saved or search):
        raise OutputError(
            f"--model names a model of a run, and {source} is a {'saved model' if saved else 'search'}: drop --model"
        )
    if saved:
        return OnlyModel(source, "model", {}, summary_in({}))
    if not search:
        return None
    from distil.framework.recipe.load import untracked_recipe

    student, values = best_student(source), read_search(source)
    recipe = untracked_recipe(values["recipe"], str(source / SEARCH))
    folder = source.absolute().parent / student["folder"]
    trial = recipe_of_trial(recipe, _trial(source, values, None))
    return OnlyModel(folder, "student", student["metrics"], summary_in(values), trial)


def folder_of(run: Path, model: ModelResults) -> Path:
    """The folder of a run's model, by its entry in the results. Raises OutputError if nothing can be loaded from it."""
    if model["folder"] is None:
        raise OutputError(
            f"'{model['name']}' has no model of its own: ask one of the teachers that have one, or the student"
        )
    folder: Path = run.absolute().parent / model["folder"]
    if not (folder / "config.json").exists():
        if model["evaluation"] is not None:
            raise OutputError(
                f"model '{model['name']}' of {run} is not at {folder}: models lie in the store beside the run's folder; put both back "
                "where they were, or run the recipe again"
            )
        raise OutputError(f"model '{model['name']}' of {run} is not trained yet; run its recipe again to finish it")
    return folder


def show(
    runs: list[Path], paper: bool, as_json: bool, markdown: bool, html: bool, to: Path | None, language: str | None
) -> None:
    """What `distil report` is asked for. Raises UserError for options that do not go together, and what the others here do."""
    if html and (paper or as_json or markdown):
        raise UserError("--html writes a page of its own; drop --paper, --json and --markdown, or --html")
    if as_json and markdown:
        raise UserError("--json and --markdown print the same in two forms; drop one of them")
    if to is not None and not html:
        raise UserError("--to says where --html writes; add --html, or drop --to")
    if language is not None and not html:
        raise UserError("--language is that of the page that --html writes; add --html, or drop --language")
    if paper:
        show_paper(runs, as_json, markdown)
    elif len(runs) != 1:
        raise UserError(
            f"expected the folder of one run, found {len(runs)}; with --paper there may be several, or none"
        )
    elif html:
        write_html(runs[0], to, language or "en")
    else:
        show_report(runs[0], as_json, markdown)


def show_report(run: Path, as_json: bool, markdown: bool) -> None:
    """Print the results of a run as a table, Markdown or JSON. Raises OutputError if there is no run."""
    from distil.tracking.report import markdown_table, print_report

    results = results_of(run)
    if as_json:
        print(json.dumps(results, ensure_ascii=False, indent=2))
    elif markdown:
        print(markdown_table(results), end="")
    else:
        from distil.launch.console import table_console

        print_report(results, table_console())


def track_run(run: Path) -> None:
    """Send a run to MLflow and to the other trackers, as its recipe says. Raises OutputError, UserError or TrackingError."""
    be_quiet()
    from distil.tracking.mlflow_sync import sync
    from distil.tracking.tracker import Sending

    results = read_search(run) if (run / SEARCH).is_file() else results_of(run)
    tracking = Tracking(**results["recipe"]["tracking"])
    if not (tracking.mlflow or tracking.also):
        raise UserError(
            f"{results['run']} is not to be tracked, as tracking.mlflow is false in its recipe; `distil run` on it with "
            "tracking.mlflow=true sends what is there"
        )
    failures: list[DistilError] = []
    for one in tracking.also:
        try:
            if isinstance(one, str):
                need(f"tracking.also: {one}", one)
            with closing(Sending(one, run, tracking)) as sending:
                print(f"{results['run']} is at {sending.send(final=True)}")
        except DistilError as error:
            failures.append(error)  # the others get it all the same
    if tracking.mlflow:
        report = sync(run, tracking, final=True)
        at = f"{results['run']} is at {report.uri}, experiment '{report.experiment}', run {report.run_id}"
        print(*report.notes, at, report.look(), sep="\n")
    for failure in failures[1:]:
        print(failure, file=sys.stderr)
    if failures:
        raise failures[0]


_PAGE = "report.html"


def write_html(run: Path, to: Path | None, language: str) -> None:
    """Write the page of the run or search in `run` to a file, by default in that folder. Raises OutputError, StoreError, or
    UserError for a language that there is not."""
    be_quiet()
    need("a page", "matplotlib")
    from distil.framework.language.words import LANGUAGES
    from distil.tracking.html.page import run_page, search_page

    if language not in LANGUAGES:
        raise UserError(f"--language is '{language}'; expected {' or '.join(LANGUAGES)}")
    words = LANGUAGES[language]
    path = run / _PAGE if to is None else to
    if path.is_dir():
        raise OutputError(f"{path} is a folder; name another file with --to FILE")
    page = search_page(run, words) if (run / SEARCH).is_file() else run_page(run, results_of(run), words)
    try:
        write_atomic(path, page)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {reason(error)}; name another file with --to FILE") from None
    print(f"the page is {path}")


_OUTPUT = Path("runs")  # where recipes put their runs unless they say otherwise


def show_paper(runs: list[Path], as_json: bool, markdown: bool) -> None:
    """Print the paper's table with the figures of the runs in these folders, or of all runs that are tracked.

    Raises OutputError for a folder without a run, and TrackingError if MLflow does not answer.
    """
    be_quiet()
    from distil.tracking.client import destination_of
    from distil.tracking.measured import measured_at, measured_in
    from distil.tracking.paper import as_data, compare, paper_markdown, paper_notes, paper_rich

    if runs:
        source = ", ".join(str(run) for run in runs)
        comparisons = compare(one for run in runs for one in measured_in(results_of(run)))
    else:
        destination = destination_of(Tracking(), _OUTPUT)
        source = f"experiment '{destination.experiment}' of {destination.shown}"
        comparisons = compare(measured_at(destination, DATASET))
    if as_json:
        found = {"source": source, "dataset": DATASET, "split": SPLIT, "questions": QUESTIONS}
        print(json.dumps({**found, "rows": as_data(comparisons)}, ensure_ascii=False, indent=2))
    elif markdown:
        print(paper_markdown(comparisons, source), end="")
    else:
        from distil.launch.console import table_console

        console = table_console()
        console.print(paper_rich(comparisons))
        for note in paper_notes(comparisons, source):
            console.print(note, markup=False, highlight=False)
