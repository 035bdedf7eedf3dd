"""Versions that decide about results."""

import torch

from framework.versions import TRAINING, differences, in_words, versions


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
