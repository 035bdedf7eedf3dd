"""Taking a family of models through distil: what works, what is refused, what fails."""

import json
import multiprocessing
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from distil.framework.errors import UserError
from distil.framework.export.export import export_model
from distil.framework.export.finished_run import FinishedRun
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import prepare, run
from distil.tracking.provenance import provenance

Values = dict[str, Any]
EXPORT = "export"
_LIMIT = 1200  # seconds a family, of a machine that may be busy


@dataclass(frozen=True)
class Family:
    """recipes: for each column of the table what makes a recipe's values, given a folder for the files that it needs;
    check: raises AssertionError if a finished run broke a promise; exported: the model that is exported after the first of
    them that works, if any."""

    name: str
    recipes: Mapping[str, Callable[[Path], Values]]
    check: Callable[[FinishedRun], None] = lambda finished: None
    exported: str | None = "student"


@dataclass(frozen=True)
class Cell:
    """state: works, refused (before work begins, by a message that names the family) or failed."""

    state: str
    message: str
    seconds: float


def family_cells(family: Family) -> dict[str, Cell]:
    """The cells of a family, by column, tried in a process of its own."""
    context = multiprocessing.get_context("fork")
    output, inside = context.Pipe(duplex=False)
    process = context.Process(target=_tell, args=(family, inside))
    process.start()
    inside.close()
    cells: dict[str, Cell] = {}
    end = time.monotonic() + _LIMIT
    try:
        while output.poll(max(0.0, end - time.monotonic())):
            column, cell = output.recv()
            cells[column] = cell
    except EOFError:
        process.join()
    reason = f"the process ended with {process.exitcode}" if process.exitcode is not None else f"over {_LIMIT} s"
    process.kill()
    process.join()
    for column in (*family.recipes, *([EXPORT] if family.exported is not None else [])):
        cells.setdefault(column, Cell("failed", reason, 0.0))
    return cells


def _tell(family: Family, inside: Any) -> None:
    folder = Path(tempfile.mkdtemp(prefix=f"family-{family.name}-"))
    exported = family.exported is None
    export: Cell | None = None
    try:
        for column, make in family.recipes.items():
            begin = time.monotonic()
            state, message, finished = _run(family, make, folder)
            inside.send((column, Cell(state, message, round(time.monotonic() - begin, 1))))
            if finished is not None and not exported:
                exported, begin = True, time.monotonic()
                state, message = _export(finished, str(family.exported), folder / "exported")
                export = Cell(state, message, round(time.monotonic() - begin, 1))
        if family.exported is not None:
            inside.send((EXPORT, export or Cell("none", "there is no model to export", 0.0)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        inside.close()


def _run(family: Family, make: Callable[[Path], Values], folder: Path) -> tuple[str, str, FinishedRun | None]:
    try:
        recipe = recipe_from_values({**make(folder), "output": str(folder / "runs")}, "a recipe")
        try:
            prepare(recipe)
        except UserError as error:
            named = _letters(family.name) in _letters(str(error).replace(str(folder), ""))
            return ("refused" if named else "failed"), (str(error) if named else f"not named: {error}"), None
        finished = FinishedRun(run(recipe), recipe, Path(recipe.output))
        family.check(finished)
    except BaseException as error:
        return "failed", _told(error), None
    return "works", "", finished


def _export(finished: FinishedRun, name: str, to: Path) -> tuple[str, str]:
    try:
        values = export_model(finished, name, to, with_onnx=True, provenance=provenance())
    except BaseException as error:
        return "failed", _told(error)
    problems = "; ".join(values["problems"])
    if problems and "--no-onnx" not in problems:
        return "failed", problems
    return ("refused", problems) if problems else ("works", "")


def _letters(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())


def _told(error: BaseException) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {str(error)[:300]} ({Path(place.filename).name}:{place.lineno})"


def save_cells(folder: Path, family: str, cells: Mapping[str, Cell]) -> None:
    """Keep the cells of a family as a file in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({column: asdict(cell) for column, cell in cells.items()}, indent=1, ensure_ascii=False)
    (folder / f"{family}.json").write_text(text, encoding="utf-8")


def saved_cells(folder: Path, family: str) -> dict[str, Cell]:
    """The cells that were kept, if any."""
    path = folder / f"{family}.json"
    if not path.exists():
        return {}
    return {column: Cell(**cell) for column, cell in json.loads(path.read_text(encoding="utf-8")).items()}
