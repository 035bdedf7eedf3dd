"""`distil export`, on a real finished run."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from distil.framework.errors import ExportError
from distil.framework.files import write_json
from distil.framework.recipe.load import recipe_from_values
from distil.framework.results import read_results
from distil.framework.run import run
from distil.framework.search.log import SearchLog
from distil.framework.tables import table_rows
from distil.launch.commands import app
from distil.launch.export import refuse_problems
from tests.searching import SPACE
from tests.tiny import model_of, tiny_values

QUESTION, TEXT = "Где родилась Анна?", "Анна родилась в Туле и живёт в Омске."
WITHOUT_DISTIL = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "distil":
            raise ImportError(name)
sys.meta_path.insert(0, Hidden())
"""


def distil(*arguments: str | Path, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=code == 0)
    assert (result.exit_code == 0) == (code == 0), result.output
    return result.output


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of which MLflow has heard, at a server that is gone."""
    output = tmp_path_factory.mktemp("export") / "runs"
    values = tiny_values(output, baselines=None, tracking={"uri": "http://127.0.0.1:9"}, description="A small one.")
    folder = output / run(recipe_from_values(values, "here"))["run"]
    write_json(folder / "tracked.json", {})
    return folder


@pytest.fixture(scope="module")
def exported(finished: Path) -> tuple[Path, str]:
    """The folder of the student's export, and what was printed."""
    to = finished.parent.parent / "student"
    return to, distil("export", finished, "--to", to)


@pytest.fixture(scope="module")
def export(exported: tuple[Path, str]) -> dict[str, Any]:
    return dict(json.loads((exported[0] / "export.json").read_text()))


def test_forms_are_measured_on_the_data_of_the_run(finished: Path, export: dict[str, Any]) -> None:
    student = model_of(read_results(finished), "student")
    forms, evaluation = export["forms"], student["evaluation"]
    assert list(forms) == ["torch", "onnx", "int8"]
    assert export["model"]["digest"] == student["digest"]
    assert export["split"] == evaluation["split"]
    for form in ("torch", "onnx"):
        for figure in ("examples", "exact_match", "f1", "exact_match_interval", "f1_interval"):
            assert forms[form][figure] == pytest.approx(evaluation[figure])
    assert forms["onnx"]["different_answers"] == 0
    assert 0 <= forms["onnx"]["largest_difference"] < 1e-4 < forms["int8"]["largest_difference"]
    assert export["problems"] == []


def test_forms_and_teacher_are_timed_beside_each_other(export: dict[str, Any]) -> None:
    timed = [("student", "torch"), ("student", "onnx"), ("student", "int8"), ("teacher", "torch")]
    threads = sorted({row["threads"] for row in export["latency"]})
    assert [(row["threads"], row["model"], row["form"]) for row in export["latency"]] == [
        (count, *form) for count in threads for form in timed
    ]
    assert {row["questions"] for row in export["latency"]} == {3}


def test_the_folder_answers_as_the_run_does(finished: Path, exported: tuple[Path, str], tmp_path: Path) -> None:
    asked = ("-q", QUESTION, "-c", TEXT)
    assert distil("answer", exported[0], *asked) == distil("answer", finished, *asked)
    assert {path.stat().st_mode & 0o044 for path in exported[0].iterdir() if path.is_file()} == {0o044}


def test_the_code_of_the_card_runs_without_distil(exported: tuple[Path, str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (exported[0] / "README.md").read_text(), flags=re.DOTALL)
    assert len(blocks) == 2
    check = "import numpy\nprint(numpy.abs(start_logits - output.start_logits.numpy()).max())"
    code = "\n".join([WITHOUT_DISTIL, *blocks, check])
    done = subprocess.run([sys.executable, "-c", code], cwd=exported[0], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer, difference = done.stdout.splitlines()
    assert answer == json.loads(distil("answer", exported[0], "-q", QUESTION, "-c", TEXT))["answer"]
    assert 0 < float(difference) < 0.5


def test_the_card_says_what_the_run_and_the_export_found(
    finished: Path, exported: tuple[Path, str], export: dict[str, Any]
) -> None:
    _, header, text = (exported[0] / "README.md").read_text().split("---\n", 2)
    assert yaml.safe_load(header) == {
        "language": ["ru"],
        "library_name": "transformers",
        "metrics": ["exact_match", "f1"],
        "pipeline_tag": "question-answering",
    }
    results = read_results(finished)
    student = model_of(results, "student")
    for row in table_rows(results):
        assert f"| {' | '.join(row)} |" in text
    int8, (time, *_) = export["forms"]["int8"], [row for row in export["latency"] if row["form"] == "int8"]
    measured = f"| student | int8 | {int8['megabytes']:.1f} | {int8['exact_match']:.1f} ["
    assert measured in text
    assert f"| {int8['largest_difference']:.2g} | {time['median_ms']:.1f} / {time['p95_ms']:.1f} |" in text
    for fact in (
        "made by distil: A small one. It began as distilbert, from random weights.\n",
        "| teacher | bert, from random weights | 1.00 | – |",
        "| kl.temperature | 2.0 |",
        f"| lr | {student['settings']['lr']} |",
        f"| steps | {student['training']['steps']} |",
        "| train | 96 | 0 | 0 | 0 |",
        "Trained on `train`; measured on `dev`.",
        "the figures say nothing about real text",
    ):
        assert fact in text
    assert "None: it learnt" not in text


def test_figures_and_card_are_kept_with_the_run_when_mlflow_is_gone(finished: Path, exported: tuple[Path, str]) -> None:
    to, output = exported
    assert "the export is done; send its figures later with `distil track" in " ".join(output.split())
    for name in ("export.json", "README.md"):
        assert (finished / "exports/student" / name).read_bytes() == (to / name).read_bytes()


def test_a_teacher_without_onnx(finished: Path, tmp_path: Path) -> None:
    (finished / "tracked.json").unlink(missing_ok=True)
    output = distil("export", finished, "--to", tmp_path / "teacher", "--model", "teacher", "--no-onnx")
    assert "tracking" not in output
    export = json.loads((tmp_path / "teacher/export.json").read_text())
    assert list(export["forms"]) == ["torch"]
    assert {row["model"] for row in export["latency"]} == {"teacher"}
    card = (tmp_path / "teacher/README.md").read_text()
    assert "## Teachers" not in card
    assert "onnxruntime" not in card
    assert not (tmp_path / "teacher/onnx").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "studnt"], "has no model 'studnt'; it has teacher, student"),
        (["--to", "{run}"], "exists already; name a new folder"),
    ],
)
def test_what_cannot_be_exported_is_refused(finished: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    given = [argument.format(run=finished) for argument in arguments]
    with pytest.raises(Exception, match=message):
        CliRunner().invoke(
            app, ["export", str(finished), "--to", str(tmp_path / "new"), *given], catch_exceptions=False
        )
    assert not (tmp_path / "new").exists()


def test_a_search_is_exported_once_its_best_trial_has_results(tmp_path: Path) -> None:
    values = tiny_values(tmp_path, search={"space": SPACE, "trials": 1})
    log = SearchLog(recipe_from_values(values, "here"), {})
    log.add({}, {"student.lr": 0.002})
    scores = {"exact_match": 1.0, "f1": 1.0}
    log.finish_trial(0, {"epochs": [], "metrics": scores, "seeds": [{"folder": "somewhere", "metrics": scores}]})
    with pytest.raises(Exception, match=r"`distil run \S+/best.yaml` finds the student done"):
        CliRunner().invoke(app, ["export", str(log.folder), "--to", str(tmp_path / "new")], catch_exceptions=False)
    best = recipe_from_values(yaml.safe_load((log.folder / "best.yaml").read_text()), "here").run_folder
    write_json(best / "results.json", {"format": 1, "recipe": {}})
    with pytest.raises(Exception, match=rf"{best.name}/results.json is damaged \(name"):
        CliRunner().invoke(app, ["export", str(log.folder), "--to", str(tmp_path / "new")], catch_exceptions=False)


def test_an_onnx_file_that_answers_otherwise_is_a_failure(tmp_path: Path) -> None:
    export = {"model": {"name": "student"}, "problems": []}
    refuse_problems(export, tmp_path)
    with pytest.raises(ExportError, match=r"'student' is in .*, as safetensors .*: its EM is 1") as caught:
        refuse_problems({**export, "problems": ["its EM is 1"]}, tmp_path)
    assert caught.value.exit_code == 1
