"""Digests: equal for equal inputs, and only for those."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from distil.framework.digest import (
    TRAINING,
    Key,
    differences,
    digest_of,
    digest_of_files,
    digest_of_folder,
    digest_of_strings,
    in_words,
    versions,
)

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
    code = "from distil.framework.digest import *; print(digest_of({'b': [1, 'ё'], 'a': 0.1}), digest_of_strings(['ё', 'x']))"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [digest_of({"a": 0.1, "b": [1, "ё"]}), digest_of_strings(["ё", "x"])]


INPUTS = st.dictionaries(st.text(max_size=5), st.integers() | st.lists(st.text(max_size=3), max_size=2), max_size=3)


def chain(inputs: dict, torch: str, code: int = 1) -> list[Key]:
    """A result, one made of it and, in a list and a dictionary, one made of both."""
    first = Key("models", inputs, {"torch": torch})
    second = Key("signals", {"models": [first]}, {"code": code})
    return [first, second, Key("models", {"teachers": [{"signals": second, "model": first}]})]


@given(INPUTS)
def test_other_versions_change_the_end_of_a_name_and_of_all_names_that_follow(inputs: dict) -> None:
    for one, other in zip(chain(inputs, "2.12"), chain(inputs, "2.13"), strict=True):
        assert one.content == other.content
        assert one.digest != other.digest
        assert one.digest.rpartition("-")[0] == other.digest.rpartition("-")[0] == one.content
    for one, again in zip(chain(inputs, "2.12"), chain(inputs, "2.12"), strict=True):
        assert one.digest == again.digest


@given(INPUTS, INPUTS)
def test_other_inputs_change_all_of_it(inputs: dict, others: dict) -> None:
    for one, other in zip(chain(inputs, "2.12"), chain(others, "2.12"), strict=True):
        assert (one.content == other.content) == (one.digest == other.digest) == (inputs == others)


def test_no_input_stands_for_the_kind() -> None:
    names = {Key(kind, inputs).content for kind in ("models", "initial") for inputs in ({"kind": "models"}, {})}
    assert len(names) == 4


def test_the_order_of_a_list_counts_and_that_of_names_does_not() -> None:
    first, second = Key("signals", {"teacher": "a"}), Key("signals", {"teacher": "b"})
    assert Key("models", {"teachers": [first, second]}).content != Key("models", {"teachers": [second, first]}).content
    assert Key("models", {"a": first, "b": second}).content == Key("models", {"b": second, "a": first}).content


def test_what_is_made_of_an_accepted_result_is_told_from_what_is_made_of_a_new_one() -> None:
    made = Key("models", {"seed": 1}, {"torch": "2.12"})
    taken = Key("models", {"seed": 1}, {"torch": "2.13"}, taken=made.digest)
    assert taken.digest == made.digest
    new = Key("models", {"seed": 1}, {"torch": "2.13"})
    upon = [Key("signals", {"model": one}, {"torch": "2.13"}) for one in (made, taken, new)]
    assert upon[0].digest == upon[1].digest != upon[2].digest
    assert len({one.content for one in upon}) == 1


def test_versions_name_the_libraries_without_their_build() -> None:
    found = versions(3, TRAINING, "cpu")
    assert found["torch"] == torch.__version__.partition("+")[0]
    assert set(found) == {"code", "torch", "transformers", "tokenizers", "deepspeed", "device"}
    assert versions(3) == {"code": 3}


def test_differences_are_told() -> None:
    differ = differences({"code": 1, "torch": "2.12"}, {"code": 1, "torch": "2.13", "device": "cpu"})
    assert differ == {"torch": ["2.12", "2.13"], "device": [None, "cpu"]}
    assert in_words({"torch": ["2.12", "2.13"]}) == "with torch 2.12 instead of 2.13"
    assert in_words({}) == "from results of other versions"


def test_digest_of_folder_knows_where_files_lie(tmp_path: Path) -> None:
    for name in ("train", "test"):
        (tmp_path / name).mkdir()
    (tmp_path / "train" / "a.json").write_text("[]")
    before = digest_of_folder(tmp_path)
    assert digest_of_folder(tmp_path, "*.py") != before
    (tmp_path / "train" / "a.json").rename(tmp_path / "test" / "a.json")
    moved = digest_of_folder(tmp_path)
    (tmp_path / "test" / "a.json").write_text("[1]")
    assert len({before, moved, digest_of_folder(tmp_path)}) == 3
