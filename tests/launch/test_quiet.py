"""The garbage collector looks seldom while modules are imported, and then as usual."""

import gc
from collections.abc import Callable
from pathlib import Path

import pytest

from distil.framework.errors import DistilError
from distil.launch.label import label_recipe
from distil.launch.quiet import collect_as_usual, collect_seldom
from distil.launch.serve import serve


def test_after_imports_it_looks_as_before_but_not_at_what_is_there() -> None:
    before = gc.get_threshold()
    kept = [[]]
    try:
        collect_seldom()
        assert gc.get_threshold()[0] > 10 * before[0]
        assert gc.get_threshold()[1:] == before[1:]
    finally:
        collect_as_usual()
    assert gc.get_threshold() == before
    assert not any(found is kept for found in gc.get_objects())


@pytest.mark.parametrize(
    "command",
    [lambda path: label_recipe(path, [], [], None, False), lambda path: serve(path, None, "127.0.0.1", 0)],
    ids=["label", "serve"],
)
def test_commands_that_go_on_for_long_have_it_look_as_usual(command: Callable[[Path], None], tmp_path: Path) -> None:
    before = gc.get_threshold()
    collect_seldom()
    try:
        with pytest.raises(DistilError):
            command(tmp_path / "nothing")
        assert gc.get_threshold() == before
    finally:
        collect_as_usual()
