"""Who may import whom, and what has to stay light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FORBIDDEN = {"framework": {"launch", "tracking", "ray", "mlflow"}, "tracking": {"launch", "ray"}, "launch": set()}


def imported(path: Path) -> Iterator[str]:
    """Libraries, and of distil its packages; of what else lies in it, "distil"."""
    for node in ast.walk(_parsed(path)):
        if isinstance(node, ast.Import):
            yield from (_package(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (_package(f"{node.module}.{alias.name}") for alias in node.names)


def _package(module: str) -> str:
    first, second, *_ = [*module.split("."), ""]
    return second if first == "distil" and second in FORBIDDEN else first


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_run_from_launch_to_tracking_to_framework(package: str) -> None:
    found = {path: {*FORBIDDEN[package], "distil"} & set(imported(path)) for path in (ROOT / package).rglob("*.py")}
    assert len(found) > 5
    assert not {path: names for path, names in found.items() if names}


MAY_NAME_TASKS = {"distil.framework.tasks.registry"} | {
    f"distil.tracking.html.{name}"
    for name in (
        "question_parts",
        "label_parts",
        "tag_parts",
        "written_parts",
        "sections",
    )  # what reports show of a task
}


def test_only_the_registry_and_report_parts_name_a_task() -> None:
    tasks = [path.name for path in (ROOT / "framework" / "tasks").iterdir() if (path / "task.py").is_file()]
    assert "span_qa" in tasks
    everywhere = edges(whole=True)
    for task in tasks:
        own = f"distil.framework.tasks.{task}"
        importers = {name for name, found in everywhere.items() if any(_lies_in(module, own) for module in found)}
        assert not {name for name in importers if not _lies_in(name, own)} - MAY_NAME_TASKS


def _lies_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def test_modules_import_each_other_in_no_circle() -> None:
    assert circles(edges(whole=False)) == []


def test_types_are_in_no_circle_either() -> None:
    assert circles(edges(whole=False, types=True)) == []


def edges(whole: bool, types: bool = False) -> dict[str, set[str]]:
    """What each module imports when it is itself imported; types: for type checkers too; whole: also within functions."""
    paths = {
        _name(path): path
        for package in FORBIDDEN
        for path in (ROOT / package).rglob("*.py")
        if "clusters" not in path.parts
    }
    return {name: set(_imports(_parsed(path), set(paths), whole, types)) - {name} for name, path in paths.items()}


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _name(path: Path) -> str:
    return ".".join(("distil", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")


def _imports(tree: ast.Module, modules: set[str], whole: bool, types: bool) -> Iterator[str]:
    for node in ast.walk(tree) if whole else _at_import(tree.body, types):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module in modules:
            named = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in modules else str(node.module) for name in named)


def _at_import(body: list[ast.stmt], types: bool) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from _at_import(node.body if types else node.orelse, types)
        elif isinstance(node, ast.If | ast.Try):
            yield from _at_import([*node.body, *node.orelse], types)


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Sets of modules each of which leads to all others of its set."""
    reach = {module: _reached(graph, module) for module in graph}
    found = {frozenset(other for other in reach[module] if module in reach[other]) for module in graph}
    return [set(circle) for circle in found if circle]


def _reached(graph: dict[str, set[str]], module: str) -> set[str]:
    reached: set[str] = set()
    waiting = set(graph[module])
    while waiting:
        reached |= waiting
        waiting = {after for before in waiting for after in graph[before]} - reached
    return reached


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == [{"b", "c"}]


def test_reading_a_recipe_imports_nothing_heavy() -> None:
    heavy = {"torch", "transformers", "datasets", "ray", "mlflow", "deepspeed", "evaluate", "pandas"}
    code = (
        "import sys; from distil.framework.recipe.load import load_recipe; load_recipe('recipes/quickstart.yaml');"
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


PLUGINS = {"losses", "ensembles", "teachers"}  # folders of which a file may be one thing that a recipe names


def test_files_are_no_crumbs() -> None:
    """What a file of its own would hardly fill stands where it is read."""
    crumbs = {
        path
        for package in FORBIDDEN
        for path in (ROOT / package).rglob("*.py")
        if path.name != "__init__.py" and path.parent.name not in PLUGINS and len(path.read_text().splitlines()) < 20
    }
    assert not crumbs
