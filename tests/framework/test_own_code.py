"""The source of classes of the user's own."""

import importlib
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from distil.framework.ensembles import AnyEnsemble
from distil.framework.errors import UserError
from distil.framework.losses.logits import KL
from distil.framework.own_code import as_imported, changed_files, source_digest
from distil.framework.plugins import SOURCE, check_unchanged, settings_of

MAIN = """
import json
from typing import ClassVar
from distil.framework.config import Section
from of_mine.helpers import half
from . import siblings

class Mine(Section):
    rule: str
    strength: float = 1.0
    needs_labels: ClassVar = False
    metric: ClassVar = None
    mixing: ClassVar = "arithmetic"

    def weigh(self, outputs): ...
"""
FILES = {
    "of_mine/__init__.py": "",
    "of_mine/rules.py": MAIN,
    "of_mine/helpers.py": "import beside_mine\ndef half(x): return x / 2\n",
    "of_mine/siblings.py": "def later():\n    from .deep.inner import name\n",
    "of_mine/deep/__init__.py": "",
    "of_mine/deep/inner.py": "name = 1\n",
    "of_mine/unused.py": "",
    "beside_mine.py": "number = 7\n",
}
Digest = Callable[[], str]


@pytest.fixture
def digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Digest]:
    """Writes the user's modules, and imports the class anew with every call."""
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def forget() -> None:
        for name in [name for name in sys.modules if name.partition(".")[0] in ("of_mine", "beside_mine")]:
            del sys.modules[name]
        importlib.invalidate_caches()

    def now() -> str:
        forget()
        return source_digest(importlib.import_module("of_mine.rules").Mine)

    yield now
    forget()


@pytest.mark.parametrize("changed", ["rules", "helpers", "siblings", "deep/inner", "deep/__init__", "../beside_mine"])
def test_every_file_that_the_class_may_run_counts(changed: str, digest: Digest, tmp_path: Path) -> None:
    before = digest()
    assert digest() == before
    path = (tmp_path / "of_mine" / f"{changed}.py").resolve()
    path.write_text(path.read_text() + "\nmore = 1\n")
    assert digest() != before


def test_other_files_do_not(digest: Digest, tmp_path: Path) -> None:
    before = digest()
    (tmp_path / "of_mine" / "unused.py").write_text("more = 1\n")
    (tmp_path / "another.py").write_text("more = 1\n")
    assert digest() == before


def test_packages_do_not_that_installed_ones_bring(
    digest: Digest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "of_mine" / "helpers.py"
    path.write_text(path.read_text() + "\nimport psutil\n")
    before = digest()
    brought = Path(sysconfig.get_path("purelib")) / "ray" / "thirdparty_files"  # which Ray puts on the path
    assert (brought / "psutil").is_dir()
    monkeypatch.syspath_prepend(brought)
    assert digest() == before


def test_where_the_files_lie_does_not_count(digest: Digest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest()
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("of_mine", "beside_mine.py"):
        (tmp_path / name).rename(moved / name)
    monkeypatch.syspath_prepend(moved)
    assert digest() == before


def test_only_classes_of_ones_own_carry_their_source(digest: Digest) -> None:
    digest()
    mine = sys.modules["of_mine.rules"].Mine(rule="of_mine.rules:Mine")
    assert settings_of(mine) == {**mine.model_dump(), SOURCE: source_digest(type(mine))}
    assert SOURCE not in settings_of(KL())


def test_code_that_changed_since_it_was_imported_is_refused_until_it_is_imported_again(
    digest: Digest, tmp_path: Path
) -> None:
    digest()
    rule, adapter = {"rule": "of_mine.rules:Mine"}, TypeAdapter(AnyEnsemble)
    cls = type(adapter.validate_python(rule))
    before = source_digest(cls)
    check_unchanged([cls])
    for name in ("rules", "helpers"):  # the class's own file, and one that it imports
        path = tmp_path / "of_mine" / f"{name}.py"
        path.write_text(path.read_text() + "\nmore = 1\n")
        with pytest.raises(ValidationError, match=rf"{name}\.py changed since this process imported it"):
            adapter.validate_python(rule)
        with pytest.raises(UserError, match=rf"{name}\.py changed since"):
            check_unchanged([cls])
        importlib.reload(sys.modules["of_mine.rules"])
        if name == "helpers":  # which the module's own reload leaves as it was
            with pytest.raises(ValidationError, match=r"helpers\.py changed since"):
                adapter.validate_python(rule)
            importlib.reload(sys.modules["of_mine.helpers"])
            importlib.reload(sys.modules["of_mine.rules"])
        cls = type(adapter.validate_python(rule))
        after = source_digest(cls)
        check_unchanged([cls])
        assert after != before
        before = after


def test_another_working_directory_changes_no_code(
    digest: Digest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From which modules beside the class's own were imported, of which another one lies there."""
    there = tmp_path / "there"
    there.mkdir()
    (there / "beside_mine.py").write_text("another = 1\n")
    digest()
    cls = sys.modules["of_mine.rules"].Mine
    as_imported.cache_clear()
    monkeypatch.setattr(sys, "path", ["", *(path for path in sys.path if path != str(tmp_path))])
    monkeypatch.chdir(tmp_path)
    assert tmp_path / "beside_mine.py" in as_imported(cls)
    for folder in (there, tmp_path):
        monkeypatch.chdir(folder)
        assert not changed_files(cls)
    (tmp_path / "beside_mine.py").write_text("number = 8\n")
    monkeypatch.chdir(there)
    assert changed_files(cls) == [tmp_path / "beside_mine.py"]


def test_a_class_is_known_by_where_it_came_from_wherever_one_is_by_now(
    digest: Digest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tmp_path / "there"
    (there / "of_mine").mkdir(parents=True)
    (there / "of_mine" / "rules.py").write_text("another = 1\n")
    before = digest()
    cls = sys.modules["of_mine.rules"].Mine
    as_imported.cache_clear()
    monkeypatch.syspath_prepend("")
    monkeypatch.chdir(there)
    assert source_digest(cls) == before
