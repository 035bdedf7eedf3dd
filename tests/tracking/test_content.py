"""Names and values within MLflow's limits, and histories as metrics."""

import json

from hypothesis import given
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_metric_name, _validate_param

from distil.tracking.content import (
    DESCRIPTION,
    MAX_KEY,
    MAX_PARAM,
    clip,
    described,
    difference_metrics,
    flatten,
    legal_key,
    new_lines,
    numbers,
)


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


def _line(step, kind="step", **metrics):
    return json.dumps({"time": 1000.5, "step": step, "epoch": 0.1, "kind": kind, "metrics": metrics}) + "\n"


def test_epochs_do_not_overwrite_the_step_they_end_with(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text(_line(5, loss=1.0) + _line(5, "epoch", loss=2.0))
    step, epoch = new_lines(path, {})
    assert (step.metrics, epoch.metrics) == ({"loss": 1.0}, {"epoch/loss": 2.0})
    assert (step.step, step.milliseconds) == (5, 1_000_500)


def test_only_steps_behind_the_last_sent_of_their_kind(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text(_line(1, loss=1) + _line(1, "epoch", loss=1) + _line(2, loss=1) + _line(2, "epoch", loss=1))
    assert [(line.kind, line.step) for line in new_lines(path, {"step": 2, "epoch": 1})] == [("epoch", 2)]


def test_a_step_that_stands_twice_in_the_file_comes_once(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text(_line(1, loss=1) + _line(2, loss=1) + _line(2, loss=1) + _line(3, loss=1))
    assert [line.step for line in new_lines(path, {})] == [1, 2, 3]


def test_lines_cut_short_are_passed_over(tmp_path):
    path = tmp_path / "history.jsonl"
    whole = _line(3, loss=1)
    path.write_text(_line(1, loss=1) + whole[:20] + "\n" + "7\n" + _line(2, loss=1) + whole[:-1])
    assert [line.step for line in new_lines(path, {})] == [1, 2]
    path.write_text(path.read_text() + "\n")
    assert [line.step for line in new_lines(path, {})] == [1, 2, 3]


def test_no_file_is_no_lines(tmp_path):
    assert list(new_lines(tmp_path / "none.jsonl", {})) == []


def test_differences_are_metrics_of_the_model_that_they_are_said_of():
    f1 = {"difference": 7.5, "interval": [5.0, 9.5], "error": None, "verdict": "better"}
    results = {"comparisons": [{"model": "student", "against": "student_no_distillation", "metrics": {"f1": f1}}]}
    assert difference_metrics(results, "student") == {
        "versus/student_no_distillation/f1": 7.5,
        "versus/student_no_distillation/f1_low": 5.0,
        "versus/student_no_distillation/f1_high": 9.5,
    }
    assert difference_metrics(results, "teacher") == difference_metrics({}, "student") == {}


def test_a_description_has_paragraphs_and_leaves_out_what_there_is_no_room_for():
    assert described("It paid.", "|" * 5000, "One seed.") == {DESCRIPTION: "It paid.\n\nOne seed."}
    assert described("", "") == described() == {}
