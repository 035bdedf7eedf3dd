"""Tokenizers whose library gives up on a text."""

import pytest
from tokenizers import Regex, pre_tokenizers

from framework.data.windows_section import WindowSettings
from framework.errors import ModelError
from framework.tasks.span_qa.example import QAExample as Example
from framework.tasks.span_qa.windows import cut_windows
from tests.built_tokenizers import byte_level


def test_a_pattern_that_would_be_tried_without_end_is_refused() -> None:
    hangs = byte_level(pre_tokenizers.Split(Regex("(a|aa)+$"), "isolated"))
    examples = [Example("1", "Анна", "Где?", None), Example("2", "a" * 60 + "b", "Где?", None)]
    with pytest.raises(ModelError, match=r"cannot read a text \(Onig: .*retry-limit.*\); take another one"):
        cut_windows(examples, hangs, WindowSettings())
    assert len(cut_windows(examples[:1], hangs, WindowSettings())) == 1
