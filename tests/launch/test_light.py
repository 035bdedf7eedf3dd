"""distil without any of the packages that extras bring, in a process that finds none of them."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from distil.framework.extras import EXTRAS
from distil.framework.recipe.load import load_recipe
from tests.searching import recipe_file
from tests.tiny import tiny_recipe

ROOT = Path(__file__).parents[2]
# Behind them what others import of their own accord where it is there.
HIDDEN = sorted(
    {*EXTRAS, "sklearn", "onnxruntime_extensions", "tensorboard", "wandb"} - {"requests", "urllib3", "httpx2"}
)  # datasets' and huggingface_hub's
PROGRAM = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
hidden, commands = json.loads(sys.argv[1])
for name in hidden:
    sys.modules[name] = None  # so Python finds no such package
from distil.launch.commands import app
from distil.launch.guard import guarded
found = []
for arguments in commands:
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = guarded(lambda: app(arguments, prog_name="distil"))
    found.append([code, said.getvalue()])
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Light:
    """A run's folder, and commands, the run's own first, with exit code and words of each."""

    folder: Path
    said: dict[str, tuple[int, str]]


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Light:
    folder = tmp_path_factory.mktemp("light")
    small = {
        "student__epochs": 1,
        "teachers__teacher__fine_tune__epochs": 1,
        "evaluation__bootstrap": 100,
        "baselines": None,
    }
    small["data__source__examples"] = {"train": 32, "validation": 8}
    small["tracking"] = plain = {"report": False}  # of which nothing is for MLflow
    recipe = str(tiny_recipe(folder, folder / "runs", **small))
    search = str(recipe_file(folder / "search", tracking=plain))
    run = load_recipe(Path(recipe)).run_folder
    there = str(run)
    commands = {
        "run": ["run", recipe],
        "run again": ["run", recipe],
        "report": ["report", there],
        "plan": ["plan", recipe],
        "push": ["push", there, "me/tiny", "--no-onnx", "--dry-run"],
        "export to ONNX": ["export", there, "--to", str(folder / "onnx")],
        "serve": ["serve", there],
        "page": ["report", "--html", there],
        "track": ["track", there],
        "paper": ["report", "--paper"],
        "search": ["search", search],
        "plan of a search": ["plan", search],
        "workers": ["run", recipe, "engine.workers=2"],
        "plan of workers": ["plan", recipe, "engine.workers=2"],
        "rehearsal of workers": ["rehearse", recipe, "engine.workers=2"],
        "tracked": ["run", recipe, "tracking.experiment=mine"],
        "zero": ["run", recipe, "engine.zero_stage=2"],
    }
    given = json.dumps([HIDDEN, list(commands.values())])
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{PROGRAM}", given],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = [(code, said) for code, said in json.loads(done.stdout.splitlines()[-1])]
    return Light(run, dict(zip(commands, found, strict=True)))


def test_a_run_goes_from_data_to_results(light: Light) -> None:
    code, said = light.said["run"]
    assert code == 0, said
    (line,) = (line for line in said.splitlines() if "not tracked" in line)
    assert line.strip().endswith(
        'not tracked, as MLflow is not installed; to have it: pip install "multi-teacher-distil[mlflow]"'
    )
    results = json.loads((light.folder / "results.json").read_text(encoding="utf-8"))
    assert results["state"] == "finished"
    assert {model["name"] for model in results["models"] if model["evaluation"]} == {"teacher", "student"}
    assert not (light.folder / "tracked.json").exists()


@pytest.mark.parametrize("command", ["run again", "report", "plan", "push"])
def test_what_takes_none_of_them_works(light: Light, command: str) -> None:
    code, said = light.said[command]
    assert code == 0, said
    assert "not installed" not in said


def test_a_dry_run_shows_the_export_that_would_be_sent(light: Light) -> None:
    said = light.said["push"][1]
    assert all(name in said for name in ("README.md", "model.safetensors", "export.json"))
    assert "me/tiny, private, would have these" in said
    assert "nothing was sent" in said


def test_a_finished_run_is_shown_without_being_run(light: Light) -> None:
    assert "done already" in light.said["run again"][1]
    assert "not tracked" not in light.said["run again"][1]


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        ("export to ONNX", "export"),
        ("serve", "serve"),
        ("page", "report"),
        ("track", "mlflow"),
        ("paper", "mlflow"),
        ("search", "search"),
        ("plan of a search", "search"),
        ("workers", "ray"),
        ("plan of workers", "ray"),
        ("rehearsal of workers", "ray"),
        ("tracked", "mlflow"),
        ("zero", "deepspeed"),
    ],
)
def test_what_takes_one_says_which_extra_brings_it(light: Light, command: str, extra: str) -> None:
    code, said = light.said[command]
    assert code == 2, said
    assert said.splitlines()[-1].startswith("distil: ")
    assert f'pip install "multi-teacher-distil[{extra}]"' in said
    assert "Traceback" not in said
