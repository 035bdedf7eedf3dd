"""What `pip install` puts on a machine."""

import zipfile
from pathlib import Path

import pytest
from hatchling.build import build_wheel

ROOT = Path(__file__).parents[2]


def test_a_wheel_holds_all_files_of_the_packages_and_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # where a build backend looks for the project
    with zipfile.ZipFile(tmp_path / build_wheel(str(tmp_path))) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    linked = [path for name in ("framework", "launch", "tracking") for path in (ROOT / name).rglob("*")]
    paths = {Path("distil") / path.relative_to(ROOT): path for path in linked}
    paths |= {path.relative_to(ROOT): path for path in (ROOT / "distil").rglob("*")}
    compiled = "__pycache__"  # where others may just be writing
    files = {name.as_posix() for name, path in paths.items() if path.is_file() and compiled not in path.parts}
    assert held == files
    assert {Path(name).suffix for name in files} >= {".py", ".html", ".css", ".js", ".j2", ".yaml"}
