"""Folds of questions."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from distil.framework.data.section import Data, Slice, cut_groups, fold_of, parse_slice
from distil.framework.tasks.span_qa.data import QAExample

BOUNDS = st.none() | st.integers(-150, 150)
HUB = {"kind": "hub", "id": "a/b"}
FILE = {"kind": "files", "path": "a.json"}


def slice_text(start: int | None, stop: int | None, percent: bool) -> str:
    unit = "%" if percent else ""
    return f"train[{'' if start is None else f'{start}{unit}'}:{'' if stop is None else f'{stop}{unit}'}]"


@given(BOUNDS, BOUNDS, st.integers(1, 300))
def test_rows_are_those_of_the_datasets_library(start: int | None, stop: int | None, total: int) -> None:
    from datasets import ReadInstruction

    for percent in (False, True):
        if percent and any(bound is not None and abs(bound) > 100 for bound in (start, stop)):
            continue
        text = slice_text(start, stop, percent)
        (expected,) = ReadInstruction.from_spec(text).to_absolute({"train": total})
        assert list(parse_slice(text).rows(total)) == list(range(expected.from_, expected.to))


def test_a_name_alone_is_the_whole_split() -> None:
    assert parse_slice("my-split.2") == Slice("my-split.2")
    assert list(parse_slice("train").rows(3)) == [0, 1, 2]


@pytest.mark.parametrize(
    "text", ["", "[:10]", "train[10]", "train[:10", "train[a:b]", "train[:5.5%]", "train+dev", "train[:10](closest)"]
)
def test_what_is_no_slice_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"train\[:1000\]|percent"):
        parse_slice(text)


def test_more_than_everything_is_refused() -> None:
    with pytest.raises(ValueError, match="100%"):
        parse_slice("train[:101%]")


@given(st.sets(st.text(min_size=1), min_size=2, max_size=40), st.integers(0, 5), st.randoms())
def test_cut_forgets_the_order_and_number_of_rows(contexts: set[str], seed: int, random: object) -> None:
    shares = {"train": 0.7, "dev": 0.3}
    rows = [*contexts, *contexts]
    random.shuffle(rows)  # type: ignore[attr-defined]
    side = cut_groups(rows, shares, seed)
    assert side == cut_groups(sorted(contexts), shares, seed)
    assert set(side) == contexts
    assert abs(sum(name == "train" for name in side.values()) - 0.7 * len(contexts)) <= 0.5 + 1e-9


def test_cut_depends_on_the_seed_and_may_leave_some_out() -> None:
    contexts = [f"paragraph {i}" for i in range(100)]
    first, second = (cut_groups(contexts, {"a": 0.5, "b": 0.2}, seed) for seed in (0, 1))
    assert first != second
    assert [list(first.values()).count(name) for name in "ab"] == [50, 20]


def test_the_context_alone_decides_and_always_alike() -> None:
    one = QAExample("1", "Анна родилась в Туле.", "Где?", None)
    other = QAExample("2", "Анна родилась в Туле.", "Кто?", ())
    assert fold_of(one, 5) == fold_of(other, 5)
    # Pinned: the folds of signals that are stored must not move.
    contexts = ("Анна родилась в Туле.", "Пётр живёт в Омске.", "\ud800")
    assert [fold_of(QAExample("1", context, "?", None), 5) for context in contexts] == [3, 1, 4]


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_folds_are_about_as_large_as_each_other(folds: int) -> None:
    examples = [QAExample(str(number), f"Абзац {number}.", "?", None) for number in range(2000)]
    sizes = Counter(fold_of(example, folds) for example in examples)
    assert set(sizes) == set(range(folds))
    assert min(sizes.values()) > 0.8 * 2000 / folds


def test_splits_have_a_default_unless_cut_makes_them() -> None:
    assert Data.model_validate({"source": HUB}).names == ["train", "dev"]
    cut = Data.model_validate({"source": FILE, "cut": {"shares": {"fit": 0.5, "check": 0.5}}})
    assert cut.names == ["fit", "check"]
    assert cut.splits == {}
    more = Data.model_validate({"source": FILE, "extra": {"transfer": {"source": HUB}}})
    assert more.names == ["train", "dev", "transfer"]
    assert more.extra["transfer"].split == "train"


@pytest.mark.parametrize(
    "section",
    [
        {"source": HUB},
        {"source": FILE, "cut": {"shares": {"train": 1}}},
        {"source": {"kind": "files", "path": {"train": "a.jsonl"}}, "splits": {"train": "train[:10%]"}},
        {"source": FILE, "extra": {"more": {"source": HUB, "split": "train[:100]"}}},
    ],
)
def test_a_resolved_section_reads_back_as_itself(section: dict[str, Any]) -> None:
    data = Data.model_validate(section)
    assert Data.model_validate(data.model_dump(mode="json")) == data


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"source": {"kind": "hup"}}, "did you mean 'hub'"),
        ({"source": {"kind": "hub"}}, "Field required"),
        ({"source": {"kind": "hub", "id": "a", "path": "x"}}, "unknown key 'path'"),
        ({"source": {"kind": "files", "path": ""}}, "no file is named"),
        ({"source": {"kind": "files", "path": {}}}, "no file is named"),
        ({"source": {"kind": "files", "path": {"train": ""}}}, "no file is named"),
        ({"source": FILE, "cut": {"shares": {"a": 1.0}}, "splits": {"a": "train"}}, "both cut and splits"),
        ({"source": FILE, "splits": {}}, "splits is empty"),
        ({"source": FILE, "splits": {"train": "train[5]"}}, "not a split or a slice"),
        ({"source": FILE, "cut": {"shares": {}}}, "at least one"),
        ({"source": FILE, "cut": {"shares": {"a": 0.0}}}, "greater than 0"),
        ({"source": FILE, "cut": {"shares": {"a": 0.8, "b": 0.3}}}, r"add up to 1\.1"),
        ({"source": FILE, "extra": {"dev": {"source": HUB}}}, "extra names the split 'dev', which there is already"),
        ({"source": FILE, "cut": {"shares": {"a": 1.0}}, "extra": {"a": {"source": HUB}}}, "another name"),
        ({"source": FILE, "extra": {"b": {"source": HUB, "split": "train[5]"}}}, "not a split or a slice"),
        ({"source": FILE, "extra": {"b": {"source": {"kind": "hup"}}}}, "did you mean 'hub'"),
        ({"source": FILE, "extra": {"b": {"split": "train"}}}, "Field required"),
    ],
)
def test_what_makes_no_sense_is_refused(section: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Data.model_validate(section)


def test_thirds_may_add_up_to_one() -> None:
    Data.model_validate({"source": FILE, "cut": {"shares": dict.fromkeys("abcdefghij", 0.1)}})
