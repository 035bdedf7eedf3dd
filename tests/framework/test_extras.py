"""Which extra brings a package that a light install leaves out."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from distil.framework.extras import EXTRAS, MissingPackageError, is_there, missing, need
from distil.framework.recipe.load import recipe_from_values
from distil.framework.recipe.packages import check_packages
from tests.tiny import tiny_values

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OWN = PROJECT["name"]


def names(requirements: list[str]) -> set[str]:
    """The distributions that requirements name, with those of this project's own extras among them."""
    found = set()
    for one in requirements:
        name, extras = re.fullmatch(r"([\w.-]+)(?:\[([\w,]+)\])?.*", one).groups()  # type: ignore[union-attr]
        if name == OWN:
            found |= {inner for extra in extras.split(",") for inner in names(PROJECT["optional-dependencies"][extra])}
        else:
            found.add(name.lower().replace("_", "-"))
    return found


def imported() -> dict[str, set[Path]]:
    """Packages that distil's sources import, and where; without Python's and distil's own."""
    found: dict[str, set[Path]] = {}
    for folder in ("distil", "framework", "launch", "tracking"):
        for path in (ROOT / folder).rglob("*.py"):
            for name in roots(ast.parse(path.read_text(encoding="utf-8"))):
                found.setdefault(name, set()).add(path)
    return {name: paths for name, paths in found.items() if name not in {*sys.stdlib_module_names, "distil"}}


def roots(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_what_is_imported_is_of_the_core_or_of_an_extra() -> None:
    """A package that an extra brings is named in EXTRAS with it, and what the core brings in no extra."""
    distributions = packages_distributions()
    core = names(PROJECT["dependencies"])
    # What they themselves cannot do without, such as pydantic's core.
    with_it = {Requirement(one) for name in core for one in requires(name) or ()}
    there = core | {one.name.lower().replace("_", "-") for one in with_it if one.marker is None}
    for package, paths in imported().items():
        if package in EXTRAS and not is_there(package):
            continue
        brought = {one.lower().replace("_", "-") for one in distributions[package]}
        if package in EXTRAS:
            assert brought & names(PROJECT["optional-dependencies"][EXTRAS[package]]), package
            assert not brought & core, package
        else:
            assert brought & there, (package, paths)


def test_all_has_every_extra_but_those_for_work_on_distil_itself() -> None:
    extras = PROJECT["optional-dependencies"]
    for extra in set(EXTRAS.values()) - {"quantize"}:  # whose kernels take 125 MB, and are for GPUs
        assert names(extras[extra]) <= names(extras["all"]) <= names(extras["dev"]), extra


def test_the_page_on_installation_names_every_extra() -> None:
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \| .* \| .* \|$", page, flags=re.MULTILINE)) == {*EXTRAS.values(), "all"}


_LARGE = {"kind": "encoder", "model": {"kind": "folder", "path": "models/large"}}


def hide(patch: pytest.MonkeyPatch, *packages: str) -> None:
    """Have Python find no such packages, as far as they are looked for by name."""
    for package in packages:
        patch.setitem(sys.modules, package, None)


def test_a_missing_package_is_said_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    need("this", "ray", "onnx")
    hide(monkeypatch, "onnx")
    assert not is_there("onnx")
    words = r'export takes onnx, which is not installed: pip install "multi-teacher-distil\[export\]"'
    with pytest.raises(MissingPackageError, match=words):
        need("export", "ray", "onnx")


def test_an_import_that_fails_for_another_reason_is_no_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "optuna")
    with pytest.raises(ImportError) as caught:
        import optuna.samplers  # noqa: F401
    assert 'pip install "multi-teacher-distil[search]"' in str(missing(caught.value))
    assert missing(ImportError("no name", name="ray")) is None  # which is there
    assert missing(ModuleNotFoundError("no module", name="of_my_own")) is None


@pytest.mark.parametrize(
    ("changes", "package", "words"),
    [
        ({"engine__workers": 2}, "ray", r"engine\.workers: 2.* takes Ray.*\[ray\]"),
        ({"signals__mode": "streamed"}, "ray", r"signals\.mode: streamed takes Ray.*\[ray\]"),
        ({"engine__zero_stage": 1}, "deepspeed", r"engine\.zero_stage: 1 takes DeepSpeed.*\[deepspeed\]"),
        ({"engine__backend": "deepspeed"}, "deepspeed", r"engine\.backend: deepspeed takes DeepSpeed"),
        (
            {
                "task": {"kind": "classification"},
                "data__source": {"kind": "messages", "examples": {"train": 8, "validation": 8}},
                "windows": {"max_length": 64},
                "teachers__teacher": {"kind": "chat", "endpoint": {"url": "http://127.0.0.1:1/v1", "model": "m"}},
            },
            "openai",
            r"teachers\.teacher\.endpoint takes OpenAI's client.*\[chat\]",
        ),
        (
            {"tracking": {"also": ["wandb"]}},
            "wandb",
            r"tracking\.also: wandb takes W&B, which is not installed: .*\[wandb\]",
        ),
        ({"tracking": {"also": ["tensorboard"]}}, "tensorboard", r"tracking\.also: tensorboard.*\[tensorboard\]"),
        (
            {"teachers__teacher": {**_LARGE, "fine_tune": {"lora": {}}}},
            "peft",
            r"teacher\.fine_tune\.lora takes peft.*\[lora\]",
        ),
        ({"tracking": {"experiment": "mine"}}, "mlflow", r"section `tracking` takes MLflow.*\[mlflow\]"),
        (
            {"search": {"space": {"student.lr": {"kind": "uniform", "low": 1e-4, "high": 1e-3}}, "trials": 2}},
            "optuna",
            r"\[search\]",
        ),
    ],
)
def test_a_recipe_that_asks_for_a_package_says_where(
    changes: dict, package: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_there(package):
        pytest.skip(f"{package} is not installed")
    recipe = recipe_from_values(tiny_values(tmp_path, **changes), "here")
    check_packages(recipe)
    hide(monkeypatch, package)
    check_packages(recipe_from_values(tiny_values(tmp_path, tracking=None), "here"))
    with pytest.raises(MissingPackageError, match=words):
        check_packages(recipe)
