"""What a page shows of models that write: by length, and the texts of which the student takes more bits than its teachers, or fewer."""

import json
from pathlib import Path
from typing import Any

import pytest

from distil.framework.files import write_json
from distil.framework.language.words import ENGLISH, RUSSIAN
from distil.tracking.html.page import run_page
from distil.tracking.html.written_parts import length_table, read_written, written_cases
from tests.framework.tasks.text.runs import values
from tests.reading_html import Page

ROLES = {"a": "teacher", "b": "teacher", "ensemble": "ensemble", "student": "student"}
BITS = {"a": 8.0, "b": 16.0, "ensemble": 6.0}  # of each text


@pytest.fixture
def measured(run: Any, tmp_path: Path) -> tuple[Any, Any]:
    """A run on eight texts: the student takes fewer bits of the first than all others, 10 more of each that follows, and writes HTML; the
    ensemble writes nothing."""
    _, examples = run.of_recipe(values(tmp_path))
    for name, role in ROLES.items():
        run.add_model(name, role)
        run.results["models"][-1] |= {"predictions": f"predictions/{name}.json"}
        found = {
            example.id: {
                "bits": BITS.get(name, 2.0 + 10 * number),
                "bytes": len(example.completion.encode()),
                "text": None if name == "ensemble" else f" <script>{name}</script>\n{number}",
            }
            for number, example in enumerate(examples)
        }
        write_json(run.folder / f"predictions/{name}.json", found)
    run.save()
    return run, examples


def test_texts_are_those_of_which_the_student_takes_more_or_fewer_bits(measured: tuple[Any, Any]) -> None:
    run, examples = measured
    more, fewer = written_cases(read_written(run.folder, run.results), ROLES, ENGLISH)
    assert (more.count, fewer.count) == (6, 1)  # the second takes 12 bits, fewer than one of the teachers
    per_byte = [(2 + 10 * number) / len(one.completion.encode()) for number, one in enumerate(examples)]
    off = [bits - 16 / len(one.completion.encode()) for bits, one in zip(per_byte, examples, strict=True)]
    clearest = max(range(8), key=lambda number: off[number])
    assert more.shown[0].texts == [examples[clearest].prompt]
    assert fewer.shown[0].gold == examples[0].completion.strip()
    last = more.shown[0].answers[-1]
    assert (last.text, last.worth) == (f"<script>student</script>\n{clearest}", f"{per_byte[clearest]:.3f}")
    assert [answer.text for answer in more.shown[0].answers if answer.models == "ensemble"] == ["writes nothing"]


def test_texts_of_which_a_model_reads_less_are_not_compared(measured: tuple[Any, Any]) -> None:
    run, examples = measured
    path = run.folder / "predictions/student.json"
    found = json.loads(path.read_text())
    found[examples[0].id] |= {"bits": 0.0, "bytes": 0}
    found[examples[7].id]["bytes"] -= 1
    write_json(path, found)
    answers = read_written(run.folder, run.results)
    assert [cases.count for cases in written_cases(answers, ROLES, ENGLISH)] == [5, 0]


def test_lengths_add_up_to_the_figure_of_all_texts(measured: tuple[Any, Any]) -> None:
    run, examples = measured
    path = run.folder / "predictions/b.json"
    write_json(path, {one.id: {"bits": None, "bytes": 10, "text": "?"} for one in examples})  # it writes alone
    table = length_table(read_written(run.folder, run.results), ENGLISH)
    assert table.columns == ["words of the completion", "texts", *ROLES]
    assert [row[:2] for row in table.rows] == [["3–5\u00a0*", "8"]]
    size = sum(len(one.completion.encode()) for one in examples)
    assert table.rows[0][2:] == [f"{8 * 8 / size:.3f}", "–", f"{8 * 6 / size:.3f}", f"{(16 + 280) / size:.3f}"]
    answers = read_written(run.folder, run.results)
    assert [cases.count for cases in written_cases(answers, ROLES, ENGLISH)] == [7, 1]  # who says no bits is not asked


def test_a_page_has_the_sections_of_texts(measured: tuple[Any, Any], tmp_path: Path) -> None:
    run, _ = measured
    page = Page(run_page(run.folder, run.results))
    assert [one for one in page.ids() if one in ("lengths", "disagreements")] == ["lengths", "disagreements"]
    assert "script" not in {tag for tag, _ in page.elements}
    assert "bits per byte" in page.texts["th"]
    assert Page(run_page(run.folder, run.results, RUSSIAN)).english(ROLES) == []
    (tmp_path / "pairs.jsonl").unlink()
    problems = [text for text in Page(run_page(run.folder, run.results)).texts["p"] if "texts cannot be shown" in text]
    assert len(problems) == 2
