"""What a page shows of classifiers: by label, by confusion, by probability, and the texts on which models differ."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score

from distil.framework.files import write_json
from distil.framework.language.words import ENGLISH, RUSSIAN
from distil.framework.tasks.classification.data import Text
from distil.tracking.html.label_parts import (
    LabelAnswers,
    NumberAnswers,
    calibration,
    confusions,
    label_cases,
    label_table,
)
from distil.tracking.html.number_parts import number_cases
from distil.tracking.html.page import run_page
from tests.reading_html import Page
from tests.tiny import several_values

ROLES = {"a": "teacher", "ensemble": "ensemble", "student_no_distillation": "baseline", "student": "student"}
LABELS = ["да", "нет", "<b>"]
TEXTS = [Text("here", str(number), f"text {number}", None, None) for number in range(120)]


def answers(count: int = 120, exclusive: bool = True) -> LabelAnswers:
    """Random answers that are often right."""
    random = np.random.default_rng(7)
    rows = np.arange(count)
    gold = np.eye(3, dtype=bool)[random.integers(0, 3, count)] if exclusive else random.random((count, 3)) < 0.4
    probabilities = {}
    for name in ROLES:
        said = random.random((count, 3)) + 0.6 * gold
        probabilities[name] = said / said.sum(1, keepdims=True) if exclusive else said / 1.6
    given = {
        name: np.eye(3, dtype=bool)[said.argmax(1)] if exclusive else said > 0.5 for name, said in probabilities.items()
    }
    assert len(rows) == count
    return LabelAnswers(LABELS, exclusive, TEXTS[:count], gold, given, probabilities)


@pytest.mark.parametrize("exclusive", [True, False])
def test_figures_of_labels_are_those_of_scikit_learn(exclusive: bool) -> None:
    found = answers(exclusive=exclusive)
    _, columns, rows, _ = label_table(found, ENGLISH)
    assert columns == ["label", "texts", *ROLES]
    assert [int(row[1]) for row in rows] == sorted(found.gold.sum(0), reverse=True)
    for row in rows:
        label = LABELS.index(row[0])
        expected = [f1_score(found.gold[:, label], given[:, label]) for given in found.given.values()]
        assert row[2:] == [f"{100 * f1:.1f}" for f1 in expected]


def test_labels_with_few_texts_are_marked_and_the_rarest_of_many_left_out() -> None:
    found = answers(12)
    assert all(row[0].endswith("\u00a0*") for row in label_table(found, ENGLISH)[2] if int(row[1]) < 10)
    many = [str(number) for number in range(150)]
    wide = replace(found, labels=many, gold=np.tile(found.gold, 50), given={"student": np.tile(found.gold, 50)})
    caption, _, rows, _ = label_table(wide, ENGLISH)
    assert len(rows) == 100
    assert "the 50 rarest labels are left out" in caption


def test_the_matrix_is_of_the_student_and_pairs_are_of_all() -> None:
    found = answers()
    gold = found.gold.argmax(1)
    counts = {name: confusion_matrix(gold, given.argmax(1)) for name, given in found.given.items()}
    shown = confusions(found, ROLES, ENGLISH)
    assert shown.matrix is not None
    assert shown.table is not None
    assert shown.matrix.of == "student"
    assert [[count for count, _ in cells] for _, cells in shown.matrix.rows] == counts["student"].tolist()
    assert all((shade > 0) == (count > 0) for _, cells in shown.matrix.rows for count, shade in cells)
    _, columns, rows, left = shown.table
    assert left == 2
    of_student = [int(row[columns.index("student")]) for row in rows]
    assert of_student == sorted(of_student, reverse=True)
    for one, other, *figures in rows:
        assert one != other
        expected = [table[LABELS.index(one), LABELS.index(other)] for table in counts.values()]
        assert [int(figure) for figure in figures] == expected
    many = replace(found, labels=[str(number) for number in range(21)], gold=np.tile(found.gold, 7), given={})
    many = replace(many, given={name: np.tile(given, 7) for name, given in found.given.items()})
    assert confusions(many, ROLES, ENGLISH).matrix is None


def test_of_several_labels_it_is_said_what_is_missed_and_what_is_wrong() -> None:
    found = answers(exclusive=False)
    shown = confusions(found, ROLES, ENGLISH)
    assert shown.matrix is None
    assert shown.table is not None
    for name, *cells in shown.table[2]:
        label = LABELS.index(name)
        for cell, given in zip(cells, found.given.values(), strict=True):
            (_, wrong), (missed, _) = confusion_matrix(found.gold[:, label], given[:, label])
            assert cell == f"{missed} / {wrong}"


def test_calibration_is_exact_where_probabilities_are() -> None:
    """Of 60 answers at 0.8 a share of 0.8 is right, of 60 at 0.55 all are."""
    right = np.asarray([number % 5 != 0 for number in range(60)] + [True] * 60)
    sure = np.asarray([0.8] * 60 + [0.55] * 60)
    said = np.stack([sure, 1 - sure], 1)
    gold = np.stack([right, ~right], 1)
    given = np.tile([True, False], (120, 1))
    found = LabelAnswers(["x", "y"], True, TEXTS, gold, {"student": given}, {"student": said})
    shown = calibration(found, ROLES, ENGLISH)
    assert shown.table[2] == [["student", "67.5", "90.0", "22.5"]]
    assert shown.plot is not None
    assert [point for line in shown.plot.lines if line.name for point in line.points] == [
        (pytest.approx(0.55), pytest.approx(1.0)),
        (pytest.approx(0.8), pytest.approx(0.8)),
    ]


def test_cases_say_who_gave_what() -> None:
    found = answers()
    worse, better = label_cases(found, ROLES, ENGLISH)
    student, teacher, pooled = ((found.given[name] == found.gold).all(1) for name in ("student", "a", "ensemble"))
    assert worse.count == int((~student & (teacher | pooled)).sum())
    assert better.count == int((student & (~teacher | ~pooled)).sum())
    for case in worse.shown:
        number = int(case.texts[0].removeprefix("text "))
        assert case.gold == LABELS[int(found.gold[number].argmax())]
        assert sorted(name.split()[0] for answer in case.answers for name in answer.models.split(", ")) == sorted(ROLES)
        assert all((answer.text == case.gold) == (answer.worth == "yes") for answer in case.answers)


def test_numbers_further_off_than_all_others_come_first() -> None:
    gold = np.asarray([0.0, 1.0, 2.0, 3.0])
    given = {"a": np.asarray([1, 1, 5, 4.0]), "ensemble": gold - np.asarray([2, 1, 2, 1])}
    given["student"] = np.asarray([5, 1.5, 2, -6])
    worse, better = number_cases(NumberAnswers(TEXTS[:4], gold, given), ROLES, ENGLISH)
    assert [case.texts for case in worse.shown] == [["text 3"], ["text 0"]]
    assert [case.texts for case in better.shown] == [["text 2"]]
    assert [(answer.text, answer.worth, answer.models) for answer in worse.shown[0].answers][2] == (
        "-6",
        "-9",
        "student",
    )


@pytest.mark.parametrize("problem_type", ["single_label", "multi_label"])
def test_a_page_has_the_sections_of_labels(run: Any, tmp_path: Path, problem_type: str) -> None:
    """Texts of the run's data, whatever they hold; without the data a reason in each section's place."""
    several = problem_type == "multi_label"
    path = tmp_path / "texts.csv"
    path.write_text("text,label\n" + "".join(f"<script>{number} шт.,{LABELS[number % 3]}\n" for number in range(30)))
    source = {"kind": "files", "path": {"train": str(path), "dev": str(path)}}
    source |= {"fields": {"labels": "label"}} if several else {}
    data = {"source": source, "splits": {"train": "train", "dev": "dev"}}
    task = {"kind": "classification", "problem_type": problem_type, **({"separator": ";"} if several else {})}
    page = Page(run_page(run.folder, _measured(run, data, task)))
    headings = ["labels", "confusions", "calibration", "disagreements"]
    assert [one for one in page.ids() if one in headings] == headings
    assert len(page.ids()) == len(set(page.ids()))
    assert "script" not in {tag for tag, _ in page.elements}
    assert page.texts["h4"][0].startswith("<script>")
    assert page.table_of("<b>")
    assert Page(run_page(run.folder, run.results, RUSSIAN)).english(ROLES) == []
    path.unlink()
    problems = [text for text in Page(run_page(run.folder, run.results)).texts["p"] if "texts cannot be shown" in text]
    assert len(problems) == 4
    assert all(str(path) in text for text in problems)


def test_a_page_has_the_numbers_of_each_model(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    path.write_text("text,value\n" + "".join(f"{number} шт.,{number}\n" for number in range(30)))
    data = {"source": {"kind": "files", "path": {"train": str(path), "dev": str(path)}}}
    data |= {"splits": {"train": "train", "dev": "dev"}}
    page = Page(run_page(run.folder, _measured(run, data, {"kind": "classification", "problem_type": "regression"})))
    assert page.texts["h2"][-3:] == ["Predicted and gold numbers", "Where student and teachers disagree", "Recipe"]
    assert set(ROLES) <= set(page.texts["figcaption"])


def _measured(run: Any, data: dict[str, Any], task: dict[str, Any]) -> Any:
    """The results of a run on these data: the teachers know everything, the student nothing."""
    fitted, texts = run.of_recipe(several_values(run.output, data=data, task=task, windows={"max_length": 32}))
    for name, role in ROLES.items():
        run.add_model(name, role)
        run.results["models"][-1] |= {"predictions": f"predictions/{name}.json"}
        found = {}
        for text in texts:
            if isinstance(text.gold, float):
                found[text.id] = {"value": 0.0 if role == "student" else text.gold}
                continue
            said = [LABELS[0]] if role == "student" else list(text.gold)
            found[text.id] = {
                "label": said[0],
                "probabilities": {label: 0.9 if label in said else 0.05 for label in LABELS},
            }
            if fitted.problem_type == "multi_label":
                found[text.id] = {"labels": said, "probabilities": found[text.id]["probabilities"]}
        write_json(run.folder / f"predictions/{name}.json", found)
    run.save()
    return run.results
