from hypothesis import given
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_metric_name, _validate_param

from tracking.keys import MAX_KEY, MAX_PARAM, clip, flatten, legal_key, numbers


@given(st.text(max_size=400).filter(lambda key: key.strip()))
def test_every_key_becomes_one_that_mlflow_takes(key):
    legal = legal_key(key)
    _validate_metric_name(legal)
    _validate_param(legal, "x")
    assert len(legal) <= MAX_KEY


def test_a_legal_key_stays_and_different_keys_stay_different():
    assert legal_key("loss/kl") == "loss/kl"
    assert legal_key("потери") == "потери"
    long = "x" * 300
    assert len({legal_key(key) for key in ("a+b", "a*b", "a_b", long + "1", long + "2")}) == 5


def test_flatten_joins_with_dots_and_keeps_lists_together():
    value = {"a": {"b": 1, "c": [1, "ж"], "d": {}}, "e": None, "f": True, "g": "text"}
    assert flatten(value) == {"a.b": "1", "a.c": '[1, "ж"]', "a.d": "{}", "e": "null", "f": "true", "g": "text"}


def test_flatten_cuts_what_is_longer_than_mlflow_takes():
    value = flatten({"a": "я" * 7000})["a"]
    assert len(value) == MAX_PARAM
    assert value.endswith("…")
    assert clip("short", 5) == "short"


def test_numbers_leaves_everything_else_out():
    assert numbers({"a": 1, "b": {"c": 0.5, "d": "x", "e": None, "f": True, "g": [1]}}) == {"a": 1.0, "b/c": 0.5}
