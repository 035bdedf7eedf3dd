"""Every family of models that transformers has a head for, tiny, through fine-tuning, signals, distillation, evaluation, export.

    OMP_NUM_THREADS=1 .venv/bin/python tests/benchmarks/families.py [--only NAME ...] [--part 1/4] [--into FOLDER] [--no-export] [--table]

A cell of the table is "works", "refused" (before anything is made, by a message that names the family) or "FAILED". Of a
few questions and an epoch nothing is learnt: what counts is that every stage holds. Cells are kept in the folder, so that
the families can be tried in portions, side by side too; --table prints what is there. Exit code 1 where a cell failed.
"""

import argparse
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from distil.framework.tables import markdown_rows
from distil.launch.quiet import be_quiet, quiet_transformers
from tests.benchmarks.family_cells import Cell, Family, family_cells, save_cells, saved_cells
from tests.benchmarks.family_encoders import ENCODERS
from tests.benchmarks.family_generators import GENERATORS
from tests.benchmarks.family_models import texts

_OF_ALL = (
    *(f"transformers.models.{name}.modeling_{name}" for name in ("bert", "llama", "t5")),
    *(
        "distil.framework.tasks.span_qa.generative",
        "distil.framework.losses.base",
        "pandas",
        "scipy.optimize",
        "torch._dynamo",
    ),
)
KINDS: Mapping[str, Mapping[str, Family]] = {"encoders": ENCODERS, "generators": GENERATORS}


def main() -> None:
    """Try the families and print their table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=None, help="families, or kinds: " + ", ".join(KINDS))
    parser.add_argument("--part", default="1/1", help="which portion of how many")
    parser.add_argument("--into", type=Path, default=None)
    parser.add_argument("--no-export", action="store_true", help="leave the export out, which takes longest")
    parser.add_argument("--table", action="store_true", help="try nothing")
    arguments = parser.parse_args()
    folder = arguments.into or Path(tempfile.mkdtemp(prefix="families-"))
    chosen = list(_chosen(arguments.only, arguments.part))
    if not arguments.table:
        be_quiet()
        quiet_transformers()
        for module in _OF_ALL:  # once, before families are tried in processes of their own
            import_module(module)
        texts()
        for kind, family in chosen:
            cells = family_cells(replace(family, exported=None) if arguments.no_export else family)
            save_cells(folder / kind, family.name, cells)
            for column, cell in cells.items():
                print(f"{kind}/{family.name} {column}: {cell.state} ({cell.seconds} s) {cell.message}", flush=True)
    found = {kind: {f.name: saved_cells(folder / kind, f.name) for k, f in chosen if k == kind} for kind in KINDS}
    for kind, families in found.items():
        _print_table(kind, {name: cells for name, cells in families.items() if cells})
    failed = [cell for families in found.values() for cells in families.values() for cell in cells.values()]
    sys.exit(any(cell.state == "failed" for cell in failed))


def _chosen(only: list[str] | None, part: str) -> Iterable[tuple[str, Family]]:
    """Every so manieth family of those that are asked for."""
    number, of = (int(word) for word in part.split("/"))
    every = [(kind, family) for kind, families in KINDS.items() for family in families.values()]
    if only is not None:
        known = {name for kind, family in every for name in (kind, family.name, f"{kind}/{family.name}")}
        if unknown := set(only) - known:
            sys.exit(f"there is no family {', '.join(sorted(unknown))}")
        every = [(k, f) for k, f in every if {k, f.name, f"{k}/{f.name}"} & set(only)]
    return every[number - 1 :: of]


def _print_table(kind: str, families: Mapping[str, Mapping[str, Cell]]) -> None:
    """A row for all families whose cells are alike, and each reason once, by number."""
    if not families:
        return
    columns = list(dict.fromkeys(column for cells in families.values() for column in cells))
    reasons: dict[str, int] = {}
    rows: dict[tuple[str, ...], list[str]] = {}
    for name, cells in families.items():
        told = tuple(_told(cells[column], name, reasons) if column in cells else "" for column in columns)
        rows.setdefault(told, []).append(name)
    print(f"\n{kind}: {len(families)}\n")
    shown = [(", ".join(sorted(names)), *told) for told, names in sorted(rows.items(), key=lambda row: -len(row[1]))]
    print(markdown_rows((kind, *columns), shown, left=len(columns) + 1))
    print()
    for reason, number in reasons.items():
        print(f"{number}. {reason}")


def _told(cell: Cell, family: str, reasons: dict[str, int]) -> str:
    if cell.state in ("works", "none"):
        return cell.state if cell.state == "works" else "–"
    words = cell.message if cell.state == "failed" else _of_any(cell.message, family)
    number = reasons.setdefault(words.replace("|", "/"), len(reasons) + 1)
    return f"{cell.state if cell.state == 'refused' else 'FAILED'} ({number})"


def _of_any(message: str, family: str) -> str:
    """A message without the family's name, folder and fields, so that families have reasons in common."""
    message = re.sub(r" \(given: .*\)$", "", message)
    return re.sub(r"\S*/saved\b", "a folder", message).replace(f" {family} ", " … ")


if __name__ == "__main__":
    main()
