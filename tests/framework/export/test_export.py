from pathlib import Path

import pytest

from distil.framework.errors import OutputError
from distil.framework.export.export import new_folder


def test_it_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    to = tmp_path / "deep" / "export"
    with pytest.raises(ZeroDivisionError), new_folder(to) as folder:
        (folder / "half").write_text(f"{1 / 0}")
    assert not list(to.parent.iterdir())
    to.mkdir()  # an empty one is as good as none
    with new_folder(to) as folder:
        (folder / "whole").touch()
        assert not list(to.iterdir())
    assert {path.name for path in to.parent.rglob("*")} == {"export", "whole", "manifest.json"}


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for to in (tmp_path, tmp_path / "file"):
        with pytest.raises(OutputError, match="exists already; name a new folder"), new_folder(to):
            pass
    with pytest.raises(OutputError, match="cannot make the folder"), new_folder(tmp_path / "file" / "below"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
