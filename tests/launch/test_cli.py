"""The commands, on a real finished run."""

import json
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import pytest
from typer.testing import CliRunner

from distil.framework.data.section import Data
from distil.framework.errors import DataError, OutputError, UserError
from distil.framework.files import write_json
from distil.framework.paper import TABLE
from distil.framework.recipe.load import load_recipe
from distil.framework.results import read_results
from distil.framework.tables import short_count
from distil.framework.tasks.classification.task import Classification
from distil.framework.tasks.registry import TASKS
from distil.framework.tasks.span_qa.synthetic import Synthetic
from distil.launch import answer
from distil.launch.commands import app
from distil.tracking import client
from tests.questions import load
from tests.tiny import tiny_recipe

ROOT = Path(__file__).parents[2]
TEXT = "Евгения Ильина родилась в Братске. Она работает бухгалтером."


def distil(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module", autouse=True)
def _one_store() -> None:
    """Runs go to the store that they have by default."""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    return tiny_recipe(folder, folder / "runs")


@pytest.fixture(scope="module")
def finished(recipe: Path) -> Path:
    (recipe.parent / "runs").mkdir()
    client.create_tables(recipe.parent / "runs" / "mlflow.db")  # for which nobody waits so long on a busy machine
    done = subprocess.run(
        [sys.executable, "-m", "distil.launch.cli", "run", str(recipe)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for row in ("teacher", "student_no_distillation", "student"):
        assert row in done.stdout
    (run,) = recipe.parent.glob("runs/tiny-*")
    return run


HEAVY = {
    "datasets",
    "deepspeed",
    "evaluate",
    "huggingface_hub",
    "matplotlib",
    "mlflow",
    "onnx",
    "onnxruntime",
    "optuna",
}
HEAVY |= {"pandas", "pyarrow", "ray", "scipy", "sklearn", "sqlalchemy", "tokenizers", "torch", "transformers"}
LIGHT = """
import atexit, sys
from distil.launch import cli
sys.argv[0] = "distil"
leave = cli._end
cli._end = lambda: (print("heavy:", sorted(%r & set(sys.modules))), leave())
cli.main()
"""


def lightly(*arguments: str, heavy: set[str] = HEAVY) -> str:
    """What a command prints that imports nothing heavy."""
    command = [sys.executable, "-c", LIGHT % heavy, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    assert done.stdout.splitlines()[-1] == "heavy: []"
    return done.stdout


def test_help_imports_nothing_heavy() -> None:
    assert "resume" in lightly("--help", heavy=HEAVY | {"pydantic", "numpy"})


def test_labels_are_written_for_use_elsewhere(recipe: Path, finished: Path) -> None:
    before = set((finished.parent / "store").rglob("manifest.json"))
    folder = finished.parent.parent / "labels"
    said = distil("label", str(recipe), "--split", "dev", "--split", "train", "--to", str(folder))
    assert "96 questions of 'train'" in said
    assert {path.name for path in folder.iterdir()} >= {"dev.jsonl", "dev.parquet", "train.jsonl", "labels.json"}
    rows = [json.loads(line) for line in (folder / "dev.jsonl").read_text().splitlines()]
    assert all(row["context"][row["soft"]["start"] : row["soft"]["end"]] == row["soft"]["answer"] for row in rows)
    # Of the split that the student learnt from everything was there; one of the other's signals was made.
    assert len(set((finished.parent / "store").rglob("manifest.json")) - before) == 1
    with pytest.raises(UserError, match="no split of `data` is called 'test'"):
        distil("label", str(recipe), "--split", "test")


def test_the_version_is_the_packages() -> None:
    assert distil("--version") == f"distil {version('multi-teacher-distil')}\n"
    assert "--version" in distil("--help")


def test_a_finished_run_is_shown_again_with_nothing_heavy_imported_and_nothing_written(
    recipe: Path, finished: Path
) -> None:
    def written() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in recipe.parent.rglob("*") if path.is_file()}

    before = written()
    said = lightly("run", str(recipe))
    assert said.count("done already") == 12
    assert "student_no_distillation" in said
    assert lightly("resume", str(finished)).count("done already") == 12
    assert written() == before


def test_plan_lists_stages_and_does_nothing(recipe: Path, tmp_path: Path) -> None:
    output = distil("plan", str(recipe), f"output={tmp_path / 'elsewhere'}")
    assert "collect signals of teacher on 'train'" in output
    assert output.count("to do") == 12
    assert not (tmp_path / "elsewhere").exists()


def test_plan_counts_live_teachers(recipe: Path) -> None:
    tokenizer = "student.tokenizer={kind: wordpiece, vocab_size: 600}"
    rows = distil("plan", str(recipe), "losses.hidden_mse={}", tokenizer).splitlines()
    assert [line.split()[1] for line in rows if "GB with teacher" in line] == ["student"]


def test_plan_counts_the_steps_on_unlabelled_questions(recipe: Path) -> None:
    rows = distil("plan", str(recipe), "data.splits.more=train[:48]", "student.unlabelled=[more]").splitlines()
    steps = {line.split()[1]: line.split("│")[4].strip() for line in rows if "│" in line and "≥" in line}
    assert steps == {"teacher": "≥ 12", "student_no_distillation": "≥ 18", "student": "≥ 18"}


def test_plan_knows_what_is_done_and_how_large_models_are(recipe: Path, finished: Path) -> None:
    output = distil("plan", str(recipe))
    assert output.count(" done ") == 12
    (student,) = [model for model in read_results(finished)["models"] if model["name"] == "student"]
    assert f"{student['parameters'] / 1e6:.2f}M" in output
    changed = distil("plan", str(recipe), "student.lr=0.002")
    assert changed.count("to do") == 5
    assert changed.count(" done ") == 7


def test_answer_prints_answer_score_start_and_end(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    for source in (["--context", TEXT], ["--context-file", str(tmp_path / "text.txt")]):
        answer = json.loads(distil("answer", str(finished), "-q", "Где родилась Евгения?", *source))
        assert list(answer) == ["answer", "score", "start", "end"]
        assert TEXT[answer["start"] : answer["end"]] == answer["answer"]
        assert 0 <= answer["score"] <= 1
    folder = finished.parent / read_results(finished)["models"][0]["folder"]
    of_run = distil("answer", str(finished), "--model", "teacher", "-q", "Кто?", "-c", TEXT)
    assert distil("answer", str(folder), "-q", "Кто?", "-c", TEXT) == of_run
    for given in (["-q", "Кто?"], ["-q", "Кто?", "-c", TEXT, "--context-file", "a.txt"]):
        with pytest.raises(DataError, match="give the context once: --context TEXT, or --context-file FILE"):
            CliRunner().invoke(app, ["answer", str(folder), *given], catch_exceptions=False)


def test_a_run_that_was_moved_away_from_its_store_says_where_models_are(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "moved")
    with pytest.raises(OutputError, match="models lie in the store beside the run's folder; put both back"):
        CliRunner().invoke(app, ["answer", str(tmp_path / "moved"), "-q", "Кто?", "-c", TEXT], catch_exceptions=False)


def test_the_options_of_answer_are_those_of_the_tasks(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        answer.answer(["--help"])
    text = capsys.readouterr().out
    assert all(f"--{name.replace('_', '-')}" in text for task in TASKS for name in task.request.model_fields)
    with pytest.raises(SystemExit, match="2"):
        answer.answer(["run", "nothing"])


def test_answer_takes_options_of_a_task_of_ones_own_which_other_tasks_refuse() -> None:
    given = ["run", "--candidates", "a | b", "--more-file=c.txt"]
    found = answer.parser(given).parse_args(given)
    assert (found.candidates, found.more_file) == ("a | b", Path("c.txt"))
    with pytest.raises(
        DataError, match=r"--candidates is nothing .* classification is asked; give --text, --text-pair$"
    ):
        answer.request_from(Classification(), {"candidates": "a | b"})


def test_answer_names_options_as_they_are_written() -> None:
    with pytest.raises(DataError, match=r"--question is nothing .* classification is asked; give --text, --text-pair$"):
        answer.request_from(Classification(), {"question": "Кто?"})


def test_evaluate_gives_the_figures_of_the_run(finished: Path, tmp_path: Path) -> None:
    source = Synthetic(examples={"train": 96, "validation": 24}, facts=3, fillers=0)
    examples = load(Data(source=source))["dev"].examples
    rows = [
        {
            "id": example.id,
            "context": example.context,
            "question": example.question,
            "answers": {
                "text": [answer.text for answer in example.answers or ()],
                "answer_start": [answer.start for answer in example.answers or ()],
            },
        }
        for example in examples
    ]
    data = tmp_path / "dev.jsonl"
    data.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    for model in read_results(finished)["models"]:
        found = json.loads(
            distil("evaluate", str(finished), "--data", str(data), "--model", model["name"], "--json").splitlines()[-1]
        )
        assert found["exact_match"] == model["evaluation"]["exact_match"]
        assert found["f1"] == pytest.approx(model["evaluation"]["f1"])
        assert found["intervals"]["f1"] is not None
        assert found["notes"] == {}
    other = tmp_path / "other.jsonl"
    other.write_text(data.read_text().replace('"context":', '"passage":'))
    named = ("evaluate", str(finished), "--data", str(other), "--json", "--field", "context=passage")
    assert json.loads(distil(*named).splitlines()[-1])["exact_match"] == found["exact_match"]
    data.write_text(data.read_text() + json.dumps({**rows[0], "id": "empty", "context": " "}) + "\n")
    assert "\n  1 question left out, as context or question is blank: empty\n" in distil(
        "evaluate", str(finished), "--data", str(data)
    )


def test_report_repeats_the_table(finished: Path) -> None:
    assert json.loads(distil("report", str(finished), "--json")) == read_results(finished)
    assert distil("report", str(finished), "--markdown") == (finished / "results.md").read_text()
    assert "student_no_distillation" in distil("report", str(finished))


def test_report_as_a_page(finished: Path, tmp_path: Path) -> None:
    assert str(finished / "report.html") in distil("report", "--html", str(finished))
    distil("report", "--html", str(finished), "--to", str(tmp_path / "new" / "page.html"), "--language", "ru")
    page = (finished / "report.html").read_text()
    assert '<html lang="ru">' in (tmp_path / "new" / "page.html").read_text()
    assert f"<h1>{read_results(finished)['name']}</h1>" in page
    assert "The questions cannot be shown" not in page
    for arguments, message in (
        (["--html", "--json"], "--html writes a page of its own"),
        (["--json", "--markdown"], "in two forms; drop one of them"),
        (["--to", str(tmp_path / "other.html")], "add --html, or drop --to"),
        (["--language", "ru"], "add --html, or drop --language"),
        (["--html", "--language", "de"], "expected en or ru"),
        (["--html", "--to", str(tmp_path)], "name another file"),
    ):
        with pytest.raises(UserError, match=message):
            distil("report", str(finished), *arguments)


def test_report_takes_several_runs_only_beside_the_papers_table(finished: Path) -> None:
    for runs in ([], [str(finished)] * 2):
        with pytest.raises(UserError, match=f"one run, found {len(runs)}"):
            distil("report", *runs)
    shown = json.loads(distil("report", "--paper", "--json", str(finished), str(finished)))
    assert [row["measured"] for row in shown["rows"]] == [None] * len(TABLE)


def test_the_papers_table_is_filled_from_what_is_tracked(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    assert "not run: teacher.yaml" in distil("report", "--paper")
    assert not list(tmp_path.iterdir())
    results = read_results(finished)
    recipe = load_recipe(ROOT / "recipes/sberquad/teacher.yaml").resolved()
    results |= {"recipe": recipe, "models": [{**results["models"][0], "name": "rubert-base"}]}
    run = tmp_path / "runs" / "sberquad-teacher-1a2b3c4d"
    run.mkdir(parents=True)
    shutil.copy(finished.parent / "mlflow.db", run.parent)
    write_json(run / "results.json", {**results, "run": run.name})
    distil("track", str(run))
    shown = json.loads(distil("report", "--paper", "--json"))
    f1 = shown["rows"][0]["measured"]["f1"]
    assert f1["value"] == pytest.approx(results["models"][0]["evaluation"]["f1"])
    assert shown["rows"][0]["measured"]["run"] == run.name
    assert f"| ruBERT-base | 1; on 24 questions | 178M / {short_count(results['models'][0]['parameters'])} |" in distil(
        "report", "--paper", "--markdown"
    )


def test_schema_describes_recipes() -> None:
    schema: dict[str, Any] = json.loads(distil("schema"))
    assert set(schema["required"]) == {"name", "data"}
    assert schema["properties"]["student"]


def test_the_run_is_tracked_in_sqlite_beside_it(finished: Path) -> None:
    there = mlflow.MlflowClient(f"sqlite:///{finished.parent / 'mlflow.db'}")
    experiment = there.get_experiment_by_name("distil")
    assert experiment is not None
    runs = there.search_runs([experiment.experiment_id])
    names = {run.info.run_name: run for run in runs}
    assert set(names) == {finished.name, "teacher", "student_no_distillation", "student"}
    results = read_results(finished)
    for model in results["models"]:
        assert names[model["name"]].data.metrics["exact_match"] == pytest.approx(model["evaluation"]["exact_match"])
    assert "finished" in distil("track", str(finished)) or finished.name in distil("track", str(finished))
    assert len(there.search_runs([experiment.experiment_id])) == 4
