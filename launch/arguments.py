"""What several commands are given."""

from pathlib import Path
from typing import Annotated

import typer

RecipePath = Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe, a YAML file.")]
Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="[PLACE=VALUE]...", help="Overrides, such as student.lr=3e-5.")
]
RunFolder = Annotated[
    Path, typer.Argument(metavar="RUN", help="The folder of a run, such as runs/quickstart-1a2b3c4d.")
]
ModelName = Annotated[str | None, typer.Option("--model", help="A model of the run by name; default: its student.")]
Columns = Annotated[
    list[str] | None,
    typer.Option("--field", help="NAME=COLUMN: which column is what, such as context=passage; several are allowed."),
]
Source = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run, of a search, or of a saved model.")]
