"""`distil init`: the first recipe for a file of one's own."""

from pathlib import Path
from shlex import quote

from distil.framework.config import nearest_hint
from distil.framework.errors import OutputError, UserError, reason
from distil.launch.quiet import be_quiet


def write_recipe(data: Path, kind: str | None, fields: list[str], output: Path | None) -> None:
    """Write a recipe for a file, and print what was seen in it. Raises DataError for a file that does not fit, OutputError where the recipe
    cannot be written, UserError."""
    be_quiet()
    from distil.framework.draft.columns import KINDS
    from distil.framework.draft.write import draft_recipe, recipe_name
    from distil.framework.tasks.registry import TASKS
    from distil.launch.evaluate import fields_given

    if kind is not None and kind not in KINDS:
        raise UserError(f"--task {kind}: no such task; {nearest_hint(kind, list(KINDS))}")
    path = output or Path(f"{recipe_name(data)}.yaml")
    if path.exists():
        raise OutputError(f"{path} is there already; name another file with --output FILE")
    given = fields_given(fields, [asked.name for task in TASKS for asked in task().fields])
    draft = draft_recipe(data, kind, given)
    try:
        path.write_text(draft.text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {reason(error)}; name another file with --output FILE") from None
    for line in draft.seen:
        print(f"  {line}")
    print(f"{path}: a recipe for {draft.kind}; what it would do: distil plan {quote(str(path))}")
