"""What do ONNX and 8 bits change on real text? For a model that knows some of it.

    OMP_NUM_THREADS=1 .venv/bin/python tests/benchmarks/real_export.py FILE.json [--epochs 30]

FILE is in SQuAD form. A small encoder is trained from scratch on four fifths of its paragraphs and exported, and every
form answers the questions that it was trained on, which it knows by then, and those of the other paragraphs, which
teach a model of this size nothing that it could not learn here: there only the number of answers that change counts.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from real_input import cut_by_paragraph, teacher_from_scratch

from distil.framework.export.export import export_model
from distil.framework.export.finished_run import FinishedRun
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import run
from distil.framework.tables import markdown_rows
from distil.launch.quiet import be_quiet, quiet_transformers
from distil.tracking.provenance import provenance

HEADINGS = ("questions", "form", "EM", "F1", "answers that changed", "largest difference of logits")


def main() -> None:
    """Train, export for both splits, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--output", type=Path, default=None)
    arguments = parser.parse_args()
    be_quiet()
    quiet_transformers()
    output = arguments.output or Path(tempfile.mkdtemp(prefix="real-export-"))
    recipe = recipe_from_values(_values(arguments.file, arguments.epochs, output), "real_export")
    results = run(recipe)
    rows = []
    for split in ("train", "dev"):
        measured = recipe.model_copy(update={"evaluation": recipe.evaluation.model_copy(update={"split": split})})
        finished = FinishedRun(results, measured, output)
        export = export_model(finished, "teacher", output / f"export-{split}", with_onnx=True, provenance=provenance())
        rows += [_row(split, form, found) for form, found in export["forms"].items()]
    print(markdown_rows(HEADINGS, rows, left=2))


def _row(split: str, form: str, found: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"{found['examples']} of {split}",
        form,
        f"{found['exact_match']:.1f}",
        f"{found['f1']:.1f}",
        str(found["different_answers"]) if form != "torch" else "",
        f"{found['largest_difference']:.2g}" if form != "torch" else "",
    )


def _values(file: Path, epochs: int, output: Path) -> dict[str, Any]:
    return {
        "name": "real-export",
        "output": str(output),
        **cut_by_paragraph(file),
        "teachers": {"teacher": teacher_from_scratch(epochs)},
        "evaluation": {"split": "dev", "latency_questions": 0},
    }


if __name__ == "__main__":
    main()
