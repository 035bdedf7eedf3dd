import pytest

from distil.framework.errors import DataError
from distil.framework.files import read_json, write_json
from distil.framework.metrics import Metric
from distil.framework.tasks.facts import main_metrics
from distil.framework.tasks.registry import TaskSummary, summary_in, summary_of
from distil.framework.tasks.span_qa.task import ExtractiveQA


def test_what_results_say_of_a_task_comes_back(tmp_path) -> None:
    summary = TaskSummary("of:Mine", "texts", (Metric("mse", "MSE", percent=False, higher_is_better=False),), ("ё",))
    write_json(tmp_path / "results.json", {"task": summary.as_data()})
    assert summary_in(read_json(tmp_path / "results.json")) == summary


def test_results_of_before_are_of_span_questions() -> None:
    summary = summary_in({"format": 1})
    assert summary == summary_of(ExtractiveQA())
    assert [metric.label for metric in summary.metrics] == ["EM", "F1"]
    assert summary.metric("f1").primary


@pytest.mark.parametrize(
    "task", ["span", {"kind": "a", "items": "b", "metrics": [{"label": "EM"}]}, {"kind": 3}], ids=str
)
def test_a_damaged_task_is_refused(task: object) -> None:
    with pytest.raises(ValueError, match="`task`"):
        summary_in({"task": task})


def test_a_task_has_to_give_what_it_names() -> None:
    task = ExtractiveQA()
    assert main_metrics(task, {"total": 3, "f1": 50.0, "exact_match": 25.0}) == {"exact_match": 25.0, "f1": 50.0}
    with pytest.raises(DataError, match=r"names as metrics f1, and its scores hold only exact_match"):
        main_metrics(task, {"exact_match": 25.0})
