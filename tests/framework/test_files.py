"""Files that are never seen half written."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distil.framework.files import (
    read_json,
    read_json_lines,
    read_sealed,
    write_atomic,
    write_json,
    write_sealed,
    written_beside,
)


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), st.integers() | st.text(st.characters(codec="utf-8"))))
def test_json_comes_back(tmp_path_factory: pytest.TempPathFactory, value: dict[str, Any]) -> None:
    path = tmp_path_factory.mktemp("json") / "deep" / "value.json"
    write_json(path, value)
    assert read_json(path) == value
    assert [found.name for found in path.parent.iterdir()] == ["value.json"]


@given(st.lists(st.text(st.characters(codec="utf-8"))))
def test_lines_of_json_come_back_whatever_ends_lines_elsewhere(
    tmp_path_factory: pytest.TempPathFactory, values: list[str]
) -> None:
    path = tmp_path_factory.mktemp("json") / "values.jsonl"
    written = [*values, "a\u2028b\x85c"]
    path.write_text("".join(json.dumps(value, ensure_ascii=False) + "\n" for value in written) + '"cut', "utf-8")
    assert read_json_lines(path) == written


def _half_written(path: Path) -> None:
    path.write_text("new")
    raise OSError(28, "No space left on device")


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "value.json"
    write_json(path, {"old": 1})

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("distil.framework.files.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, b"new")
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"new": float("nan")})
    monkeypatch.undo()
    with pytest.raises(OSError, match="No space"), written_beside(path) as temporary:
        _half_written(temporary)
    assert read_json(path) == {"old": 1}
    assert list(tmp_path.iterdir()) == [path]
    with written_beside(path) as temporary:
        temporary.write_text('{"new": 1}')
    assert read_json(path) == {"new": 1}
    assert list(tmp_path.iterdir()) == [path]


VALUES: dict[str, Any] = {"f1": 81.25, "ё": None, "files": {"a": {10: [1, 2]}}}


def test_what_was_written_is_read_without_its_checksum(tmp_path: Path) -> None:
    write_sealed(tmp_path / "a.json", VALUES)
    assert read_sealed(tmp_path / "a.json") == json.loads(json.dumps(VALUES))
    assert list(json.loads((tmp_path / "a.json").read_text())) == [*VALUES, "crc32"]


def test_values_of_before_have_no_checksum(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"f1": 1}')
    assert read_sealed(tmp_path / "a.json") == {"f1": 1}


@pytest.mark.parametrize("content", ["", "{", "[]", "7", '"text"', "null", '{"f1": 1, "crc32": "0"}', b"\xff"])
def test_anything_else_is_an_error(tmp_path: Path, content: str | bytes) -> None:
    (tmp_path / "a.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=r".+"):
        read_sealed(tmp_path / "a.json")


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sealed") / "a.json"
    write_sealed(path, {"f1": 81.25, "ё": None, "files": {}})
    return path


@given(st.data())
def test_no_flipped_bit_goes_unnoticed(sealed: Path, data: st.DataObject) -> None:
    values, content = read_sealed(sealed), bytearray(sealed.read_bytes())
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    other = sealed.with_name("b.json")
    other.write_bytes(content)
    try:
        found = read_sealed(other)
    except ValueError:
        return
    # In white space, say, or in the very name of the checksum, which leaves it among the values.
    assert {name: value for name, value in found.items() if name in values} == values
