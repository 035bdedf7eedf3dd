import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pyarrow
import pytest

from distil.framework.data.unpacking import read_bytes, read_text
from distil.framework.errors import DataError


@pytest.fixture
def small_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=16 << 20))


@pytest.mark.usefixtures("small_machine")
def test_what_unpacks_to_more_than_there_is_room_for(tmp_path: Path) -> None:
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(b" " * (4 << 20)))
    assert len(read_bytes(path)) == 4 << 20
    path.write_bytes(gzip.compress(b" " * ((4 << 20) + 1)) + gzip.compress(b" "))
    with pytest.raises(
        DataError, match=r"a.json.gz: too large: .* takes more than 0.0 GiB, .* a quarter of the free memory"
    ):
        read_bytes(path)


@pytest.mark.usefixtures("small_machine")
def test_a_plain_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.json").open("wb") as file:
        file.truncate(5 << 20)
    with pytest.raises(DataError, match="too large"):
        read_text(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("ending", "packed"),
    [
        ("gz", gzip.compress),
        ("bz2", bz2.compress),
        ("xz", lzma.compress),
        ("zst", lambda content: pyarrow.compress(content, codec="zstd", asbytes=True)),
    ],
)
def test_several_members_and_a_byte_order_mark(tmp_path: Path, ending: str, packed: Callable[[bytes], bytes]) -> None:
    path = tmp_path / f"a.json.{ending}"
    path.write_bytes(packed("\ufeffКот".encode()) + packed(b" 1"))
    assert read_text(path) == "Кот 1"
    for content in (packed(b"Cat" * 100)[:-5], b"no such file"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=f"a.json.{ending}: not a whole .{ending} file: "):
            read_text(path)
