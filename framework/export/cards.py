"""The cards of a run's models, in its folder: what is known of them before one of them is exported."""

from shlex import quote

from distil.framework.errors import first_line
from distil.framework.export.card import card_of, language_in
from distil.framework.export.finished_run import FinishedRun
from distil.framework.files import write_atomic
from distil.framework.progress import Progress
from distil.framework.tasks.base import Examples


def write_cards(run: FinishedRun, examples: Examples, progress: Progress) -> None:
    """Write a card of each model that can be exported, cards/NAME.md in the run's folder, and note them; what fails there is said, and is no failure of
    the run. examples: on which the models were measured."""
    folder = run.recipe.run_folder
    try:
        language = language_in(examples)
        for model in run.exportable():
            name = f"cards/{model['name']}.md"
            write_atomic(folder / name, card_of(run, model, language))
            model["card"] = name
    except Exception as error:
        progress.say(
            f"there are not all cards of models ({first_line(error)}); `distil export {quote(str(folder))}` writes one too"
        )
