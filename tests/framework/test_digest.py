"""Digests: equal for equal inputs, and only for those."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.digest import digest_of, digest_of_files, digest_of_strings

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
).filter(lambda value: "\\ud" not in ascii(value))


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=3), values, max_size=5))
def test_the_order_of_keys_does_not_matter(value: dict[str, object]) -> None:
    assert digest_of(dict(reversed(value.items()))) == digest_of(value)
    assert digest_of({**value, "one more": 1}) != digest_of(value)


def test_types_and_order_of_lists_matter() -> None:
    different = [1, 1.5, "1", True, None, [1], [1, 2], [2, 1], {"a": 1}, {"a": {"b": 1}}, [], {}, ""]
    assert len({digest_of(value) for value in different}) == len(different)
    with pytest.raises(ValueError, match="JSON"):
        digest_of(float("nan"))


@given(st.lists(st.text(max_size=4), max_size=5), st.lists(st.text(max_size=4), max_size=5))
def test_boundaries_between_strings_count(first: list[str], second: list[str]) -> None:
    assert (digest_of_strings(first) == digest_of_strings(second)) == (first == second)


def test_files_count_by_name_and_content(tmp_path: Path) -> None:
    for name, content in (("a", "1"), ("b", "2")):
        (tmp_path / name).write_text(content)
    paths = [tmp_path / "a", tmp_path / "b"]
    before = digest_of_files(paths)
    assert digest_of_files(reversed(paths)) == before
    (tmp_path / "a").rename(tmp_path / "c")
    assert digest_of_files([tmp_path / "c", tmp_path / "b"]) != before
    (tmp_path / "a").write_text("3")
    assert digest_of_files(paths) != before


def test_another_process_finds_the_same() -> None:
    code = "from framework.digest import *; print(digest_of({'b': [1, 'ё'], 'a': 0.1}), digest_of_strings(['ё', 'x']))"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [digest_of({"a": 0.1, "b": [1, "ё"]}), digest_of_strings(["ё", "x"])]
