"""What `import distil` offers, and how soon."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

import distil
from distil import asking, losses, rules, sections, training
from distil.framework.config import Section
from distil.framework.errors import DataError
from distil.framework.tasks.registry import TASKS
from distil.sections import Classification, Tagging

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")


def test_type_checkers_see_the_names_that_there_are() -> None:
    tree = ast.parse((ROOT / "distil" / "__init__.py").read_text(encoding="utf-8"))
    (checking,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname: f"{node.module}.{alias.name}"
        for node in checking.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert sorted(str(name) for name in seen) == distil.__all__
    assert dir(distil) == sorted([*distil.__all__, "__version__"])
    for name in distil.__all__:
        found = getattr(distil, name)
        module, _, attribute = seen[name].rpartition(".")
        assert found is (sys.modules[seen[name]] if module == "distil" else getattr(sys.modules[module], attribute))


@pytest.mark.parametrize("name", [*distil.__all__, "__version__"])
def test_the_document_names_all_of_it(name: str) -> None:
    assert re.search(rf"distil\.{name}\b", DOCUMENT)


@pytest.mark.parametrize("module", [asking, losses, rules, sections, training])
def test_the_document_names_what_is_in_its_modules(module: object) -> None:
    missing = [name for name in module.__all__ if not re.search(rf"`(\w+\.)?{name}\b", DOCUMENT)]  # type: ignore[attr-defined]
    assert missing == []


def test_every_request_and_response_of_a_task_is_there() -> None:
    offered = {getattr(asking, name) for name in asking.__all__}
    for task in TASKS:
        assert {task().request, task().response} <= offered
    assert {Classification(problem_type="regression").response, Tagging(scheme="none").response} <= offered


@pytest.mark.parametrize("name", asking.__all__)
def test_requests_and_responses_made_of_wrong_values_say_what_is_wrong(name: str) -> None:
    made = getattr(asking, name)
    first = next(iter(made.model_fields))
    with pytest.raises(DataError, match=f"^{name}: {first}: (input should be|expected) .*found"):
        made(**{first: object()})
    with pytest.raises(ValidationError):  # for whoever speaks pydantic, as servers do
        made.model_validate({first: object()})


def test_fields_that_a_request_has_not_are_told() -> None:
    with pytest.raises(
        DataError, match=r"(?s)context is missing; add it.*contxt: there is no such field; expected question, context"
    ):
        asking.QuestionRequest(**{"question": "a", "contxt": "b"})


def test_every_section_of_a_recipe_is_there() -> None:
    def below(cls: type) -> set[type]:
        return {cls, *(one for child in cls.__subclasses__() for one in below(child))}

    offered = {getattr(module, name) for module in (losses, rules, sections) for name in module.__all__}
    own = {
        cls for cls in below(Section) if cls.__module__.startswith("distil.framework.") and "kind" in cls.model_fields
    }
    assert {cls.__name__ for cls in own - offered} <= {
        "GeneratedSource",
        "TaskSection",
        "ClassificationSettings",
        "TextSettings",
    }


def test_another_name_is_none_of_its() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'distill'; it has .*DataError"):
        _ = distil.distill  # type: ignore[attr-defined]


def test_importing_it_brings_nothing_heavy() -> None:
    code = "import sys, distil; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert not {"torch", "transformers", "datasets", "ray", "mlflow", "numpy", "pydantic", "pandas", "rich"} & set(
        loaded
    )
    assert "distil" in loaded


def test_packages_of_general_names_are_none_of_its(tmp_path: Path) -> None:
    for name in ("framework", "launch", "tracking"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('of another')", encoding="utf-8")
    code = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]; import distil.launch.cli, distil.tracking.client;"
        "print(*({'framework', 'launch', 'tracking'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout.strip() == ""


def test_packages_say_that_they_are_typed() -> None:
    assert all((ROOT / name / "py.typed").is_file() for name in ("distil", "framework", "launch", "tracking"))
