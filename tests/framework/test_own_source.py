"""The code of classes of the user's own, in digests."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from framework.losses.kl import KL
from framework.own_source import SOURCE, settings_of, source_digest

MAIN = """
import json
from framework.config import Section
from of_mine.helpers import half
from . import siblings

class Mine(Section):
    kind: str
    strength: float = 1.0
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
    mine = sys.modules["of_mine.rules"].Mine(kind="of_mine.rules:Mine")
    assert settings_of(mine) == {**mine.model_dump(), SOURCE: source_digest(type(mine))}
    assert SOURCE not in settings_of(KL())
