"""What runs measured beside the paper's table, from MLflow and from folders alike."""

import copy
import json
import math
from pathlib import Path

import pytest

from distil.framework.paper import QUESTIONS, TABLE
from distil.framework.recipe.load import load_recipe
from distil.framework.recipe.sections import Tracking
from distil.tracking.client import destination_of
from distil.tracking.measured import measured_at, measured_in
from distil.tracking.mlflow_sync import sync
from distil.tracking.paper import COLUMNS, as_data, compare, paper_markdown, paper_notes, paper_rich, paper_rows

QUIET = Tracking(log_models=False)
FOLDER = Path(__file__).parents[2] / "recipes" / "sberquad"
FINE_TUNED = {"lr": 2e-05, "epochs": 2, "split": "train", "seed": 0}


class OfRecipe:
    """A run on disk that says it ran one of the recipes that come with distil."""

    def __init__(self, run, recipe: str, overrides: tuple[str, ...] = ()) -> None:
        self.run = run
        run.results["recipe"] = load_recipe(FOLDER / recipe, list(overrides)).resolved()

    def measured(self, name: str, role: str, f1: float = 80.0, em: float = 60.0, **settings):
        """Add a model with its figures, on all questions."""
        self.run.add_model(name, role)
        self.run.evaluate(name)
        model = self.run.results["models"][-1]
        model["settings"] = {**FINE_TUNED, **settings}
        model["digest"] = f"{name}-{json.dumps(settings)}"
        figures = {"examples": QUESTIONS, "exact_match": em, "f1": f1, "f1_interval": [f1 - 1, f1 + 1]}
        model["evaluation"] |= figures
        return self

    def found(self) -> dict[str, str]:
        """The rows that its models belong to, with the run."""
        return {row.name: found.run for row, found in compare(measured_in(self.run.results)) if found}


def test_a_teacher_is_recognised_by_its_model(run):
    assert OfRecipe(run, "rut5_large.yaml").measured("rut5-large", "teacher").found() == {"ruT5-large": run.folder.name}


def test_teachers_of_an_ensemble_count_and_its_student_does_not(run):
    run = OfRecipe(run, "ensemble_encoders.yaml")
    for name in ("rubert-base", "rubert-large", "ruroberta-large"):
        run.measured(name, "teacher")
    run.measured("student", "student", teachers="rubert-base, rubert-large, ruroberta-large")
    run.measured("student_no_distillation", "baseline")
    assert set(run.found()) == {"ruBERT-base", "ruBERT-large", "ruRoBERTa-large"}
    run.measured("student_from_rubert-base", "baseline", teachers="rubert-base")
    assert "DistilBERT distilled" in run.found()


@pytest.mark.parametrize(
    ("recipe", "model", "settings", "row"),
    [
        ("no_distillation.yaml", ("student", "student"), {}, "DistilBERT alone"),
        ("single_teacher.yaml", ("student", "student"), {"teachers": "rubert-base"}, "DistilBERT distilled"),
        ("single_teacher.yaml", ("student_no_distillation", "baseline"), {}, None),
        ("rubert_large.yaml", ("student", "student"), {"teachers": "rubert-large"}, None),
    ],
)
def test_students_are_the_papers_or_none_of_it(run, recipe, model, settings, row):
    assert list(OfRecipe(run, recipe).measured(*model, **settings).found()) == [row] * (row is not None)


@pytest.mark.parametrize(
    "override",
    [
        "data.source.id=sberquad",
        "data.splits.dev=validation[:100]",
        "data.splits.train=train[:95%]",
        "data.unanswerable=true",
        "teachers.rubert-base.model.id=DeepPavlov/rubert-base-cased",
        "teachers.rubert-base.fine_tune=null",
    ],
)
def test_what_differs_from_the_paper_is_no_row_of_it(run, override):
    assert OfRecipe(run, "teacher.yaml", (override,)).measured("rubert-base", "teacher").found() == {}


def test_figures_have_differences_and_errors(run):
    run = OfRecipe(run, "teacher.yaml").measured("rubert-base", "teacher", f1=84.0, em=66.0).run
    (found,) = [found for _, found in compare(measured_in(run.results)) if found]
    assert found.exact_match.difference == pytest.approx(66.0 - 66.83)
    assert found.exact_match.standard_error == pytest.approx(100 * math.sqrt(0.66 * 0.34 / 5036))
    assert found.f1.difference == pytest.approx(84.0 - 84.95)
    assert found.f1.standard_error == pytest.approx(1 / 1.96, rel=1e-4)
    assert (found.models, found.seeds, found.questions, found.f1.spread) == (1, [0], QUESTIONS, None)
    run.results["models"][0]["evaluation"]["f1_interval"] = None
    (found,) = [found for _, found in compare(measured_in(run.results)) if found]
    assert found.f1.standard_error is None


def results_of(run, started: str, **figures):
    """The results of a run as if it had begun at another time."""
    run.results["models"] = []
    OfRecipe(run, "teacher.yaml").measured("rubert-base", "teacher", **figures)
    return copy.deepcopy(run.results | {"started": f"2026-11-{started}T10:00:00+00:00", "run": f"run-{started}"})


def compared(*results) -> tuple[int, list[int], float, float | None]:
    (found,) = [found for _, found in compare(one for run in results for one in measured_in(run)) if found]
    return found.models, found.seeds, found.f1.value, found.f1.spread


def test_the_latest_of_several_runs_stands_and_seeds_are_averaged(run):
    first, second = results_of(run, "01", f1=80.0), results_of(run, "02", f1=84.0, seed=1)
    assert compared(second, first) == (2, [0, 1], 82.0, pytest.approx(math.sqrt(8)))
    other = results_of(run, "03", f1=90.0, lr=1e-4)
    assert compared(other, first, second) == (3, [0], 90.0, None)
    # A run that finds the model in the store has not trained another.
    assert compared(first, {**first, "started": "2026-11-09T10:00:00+00:00"}) == (1, [0], 80.0, None)


def test_mlflow_says_the_same_as_the_folders(run, tmp_path):
    destination = destination_of(QUIET, run.output)
    assert measured_at(destination, "kuznetsoffandrey/sberquad") == []  # no experiment yet
    OfRecipe(run, "single_teacher.yaml").measured("rubert-base", "teacher", f1=84.0)
    OfRecipe(run, "single_teacher.yaml").measured("student", "student", teachers="rubert-base")
    run.add_model("later", "baseline")
    run.finish()
    sync(run.folder, QUIET, final=True)
    tracked = compare(measured_at(destination, "kuznetsoffandrey/sberquad"))
    assert as_data(tracked) == as_data(compare(measured_in(run.results)))
    assert [row.name for row, found in tracked if found] == ["ruBERT-base", "DistilBERT distilled"]
    assert measured_at(destination, "another/dataset") == []
    nowhere = destination_of(Tracking(), tmp_path / "elsewhere")
    assert measured_at(nowhere, "kuznetsoffandrey/sberquad") == []
    assert not (tmp_path / "elsewhere").exists()


def test_the_tables_show_every_row(run):
    from rich.console import Console

    results = [results_of(run, "01", f1=80.0), results_of(run, "02", f1=84.0, seed=1)]
    results[0]["models"][0]["evaluation"]["examples"] = 32
    comparisons = compare(one for result in results for one in measured_in(result))
    rows = paper_rows(comparisons)
    assert rows[0][0] == "ruBERT-base"
    assert rows[0][1] == "2; 2 seeds, 0.00 / 2.83"
    assert rows[0][2:4] == ("178M / 412K", "66.83")
    assert rows[0][-3:] == ("84.95", "82.00 ± 0.51", "-2.95")
    assert rows[1] == ("ruBERT-large", "not run: rubert_large.yaml", "427M / –", "67.25", "–", "–", "85.25", "–", "–")
    assert {len(row) for row in rows} == {len(COLUMNS)}
    text = paper_markdown(comparisons, "here")
    assert text.count("\n| ") == 2 + len(TABLE)
    assert "mT5-base 192M, mT5-large 256M" in text
    assert all(note in text for note in paper_notes(comparisons, "here"))
    console = Console(width=140, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(paper_rich(comparisons))
    shown = console.export_text()
    assert all(cell in shown for row in rows for cell in row)
    less = compare(measured_in(results[0]))
    assert paper_rows(less)[0][1] == "1; on 32 questions"
