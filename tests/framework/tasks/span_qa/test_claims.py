from typing import Any

import pytest

from framework.errors import DataError
from framework.tasks.span_qa.claims import claims_of

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "start", "claims"),
    [
        (None, 3, None),
        (NAN, None, None),
        ([], None, ()),
        ([], [], ()),
        ({"text": [], "answer_start": []}, None, ()),
        ({"text": ["Кот", "кот"], "answer_start": [0, 5.0]}, None, (("Кот", 0), ("кот", 5))),
        ({"text": "Кот", "answer_start": 0}, None, (("Кот", 0),)),
        ({"text": ["Кот"]}, None, (("Кот", None),)),
        ([{"text": "Кот", "answer_start": 0}, {"text": "кот", "start": 5}], None, (("Кот", 0), ("кот", 5))),
        ([{"text": "Кот"}], None, (("Кот", None),)),
        ([{"text": "Кот", "answer_start": NAN}], None, (("Кот", None),)),
        ("Кот", None, (("Кот", None),)),
        ("Кот", "12.0", (("Кот", 12),)),
        ("Кот", "", (("Кот", None),)),
        ("Кот", -1, (("Кот", -1),)),
        (["Кот", "кот"], None, (("Кот", None), ("кот", None))),
        (["Кот", "кот"], [0, 5], (("Кот", 0), ("кот", 5))),
        ([{"text": "-", "answer_start": 0, "answer_category": "NOT_GIVEN"}], None, ()),
    ],
)
def test_forms_of_answers(value: Any, start: Any, claims: Any) -> None:
    assert claims_of(value, start, "here") == claims


@pytest.mark.parametrize(
    ("value", "start", "message"),
    [
        (3, None, "answers must be text, .* or a list, found 3"),
        ([3], None, "an answer must be text or an object"),
        (["Кот", {"text": "кот"}], None, "an answer must be text or an object"),
        ({"answer_start": 0}, None, "an answer must be text or an object"),
        ({"text": ["Кот"], "answer_start": []}, None, "as many starts as answers, found .*Кот.* and \\[\\]"),
        (["Кот", "кот"], 0, "as many starts as answers"),
        ({"text": ["Кот"], "answer_start": [0.5]}, None, "answer_start must be a whole number, found 0.5"),
        ({"text": ["Кот"], "answer_start": [True]}, None, "whole number, found True"),
        ({"text": ["Кот"], "answer_start": ["x"]}, None, "whole number, found 'x'"),
        ({"text": ["Кот"], "answer_start": [float("inf")]}, None, "whole number, found inf"),
        ({"text": [None], "answer_start": [0]}, None, "an answer's text must be text, found None"),
        ("Кот", "1" * 5000, "whole number"),
    ],
)
def test_what_is_no_answer_is_named_with_its_place(value: Any, start: Any, message: str) -> None:
    with pytest.raises(DataError, match=f"^here: .*{message}"):
        claims_of(value, start, "here")
