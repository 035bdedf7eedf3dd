import json

from tracking.history import new_lines


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
