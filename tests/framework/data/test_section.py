from typing import Any

import pytest
from pydantic import ValidationError

from framework.data.section import Data

HUB = {"kind": "hub", "id": "a/b"}
FILE = {"kind": "files", "path": "a.json"}


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
