"""Who may import whom, and what has to stay light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FORBIDDEN = {"framework": {"launch", "tracking", "ray", "mlflow"}, "tracking": {"launch", "ray"}, "launch": set()}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_run_from_launch_to_tracking_to_framework(package: str) -> None:
    found = {path: FORBIDDEN[package] & set(imported(path)) for path in (ROOT / package).rglob("*.py")}
    assert len(found) > 5
    assert not {path: names for path, names in found.items() if names}


def test_reading_a_recipe_imports_nothing_heavy() -> None:
    heavy = {"torch", "transformers", "datasets", "ray", "mlflow", "deepspeed", "evaluate", "pandas"}
    code = (
        "import sys; from framework.recipe_file import load_recipe; load_recipe('recipes/quickstart.yaml');"
        f"print(sorted({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_files_stay_small() -> None:
    long = {
        path: lines
        for package in FORBIDDEN
        for path in (ROOT / package).rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 300
    }
    assert not long
