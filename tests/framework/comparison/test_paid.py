"""Who is compared with whom, and what is said of it."""

from typing import Any

import pytest

from distil.framework.comparison.paid import conclusions, pairs
from distil.framework.language.words import RUSSIAN
from distil.framework.metrics import Metric
from distil.framework.outcome import ComparisonResults, Role

F1 = Metric("f1", "F1", primary=True)
PEARSON = Metric("pearson", "Pearson", percent=False)
MSE = Metric("mse", "MSE", percent=False, higher_is_better=False)
ROLES: dict[str, Role] = {
    "bert": "teacher",
    "t5": "teacher",
    "ensemble": "ensemble",
    "student_no_distillation": "baseline",
    "student_from_t5": "baseline",
    "student": "student",
}


def found(
    model: str, against: str, value: float, verdict: str, metric: Metric = F1, **changes: Any
) -> ComparisonResults:
    measured = {"difference": value, "interval": [value - 1.5, value + 1.5], "error": None, "verdict": verdict}
    one = {"model": model, "against": against, "examples": 1200, "seeds": 1, "paired": True, "differing": 90}
    return {**one, "metrics": {metric.name: measured}, **changes}  # type: ignore[typeddict-item]


@pytest.mark.parametrize(("metric", "best"), [(F1, "t5"), (MSE, "bert")])
def test_all_are_compared_with_what_they_have_to_beat(metric: Metric, best: str) -> None:
    assert pairs(ROLES, dict.fromkeys(ROLES, 1.0) | {"t5": 2.0}, metric) == [
        ("ensemble", best),
        ("student", "student_no_distillation"),
        ("student", "student_from_t5"),
        ("bert", "student_no_distillation"),
        ("t5", "student_no_distillation"),
    ]


def test_nothing_is_compared_with_models_that_are_not_there() -> None:
    assert pairs({"teacher": "teacher", "student": "student"}, {"teacher": 1.0, "student": 1.0}, F1) == []


def test_an_ensemble_and_its_student_in_words() -> None:
    said = conclusions(
        [
            found("ensemble", "t5", 7.34, "better"),
            found("student", "student_no_distillation", 25.0, "better"),
            found("student", "student_from_t5", 0.4, "open"),
            found("t5", "student_no_distillation", 30.0, "better"),
            found("bert", "student_no_distillation", -3.0, "worse"),
        ],
        [F1],
        "questions",
    )
    assert said == [
        "The ensemble is 7.3 points of F1 above its best teacher, t5 [+5.8, +8.8].",
        "The student is 25.0 points of F1 above student_no_distillation [+23.5, +26.5], and cannot be told from student_from_t5 "
        "(+0.4 F1 [-1.1, +1.9]).",
        "The teacher bert is 3.0 points of F1 below student_no_distillation [-4.5, -1.5]: it has little to teach.",
        "What cannot be told by 1,200 questions may be told by more, or by several seeds.",
        "One seed: this is said of these models; others of the same recipe may differ (`distil compare` takes runs of several "
        "seeds).",
    ]


def test_the_same_in_russian() -> None:
    said = conclusions(
        [
            found("ensemble", "t5", 7.34, "better"),
            found("student", "student_no_distillation", -2.0, "worse"),
            found("student", "student_from_t5", 0.4, "open"),
            found("t5", "student_no_distillation", -3.0, "worse"),
        ],
        [F1],
        "questions",
        RUSSIAN,
    )
    assert said[:3] == [
        "Ансамбль превосходит своего лучшего учителя t5 на 7,3 пункта F1 [+5,8; +8,8].",
        "Ученик отстаёт от student_no_distillation на 2,0 пункта F1 [-3,5; -0,5] и неотличим от student_from_t5 "
        "(+0,4 F1 [-1,1; +1,9]).",
        "Учитель t5 отстаёт от student_no_distillation на 3,0 пункта F1 [-4,5; -1,5]: учить ему почти нечему.",
    ]
    assert "(1\u00a0200 вопросов)" in said[3]
    assert len(said) == 5


@pytest.mark.parametrize(
    ("metric", "value", "verdict", "said"),
    [
        (PEARSON, 1.75, "better", "is 1.750 of Pearson above student_no_distillation [+0.250, +3.250]."),
        (MSE, -2.0, "better", "is better by 2.000 MSE than student_no_distillation [-3.500, -0.500]."),
        (MSE, 2.0, "worse", "is worse by 2.000 MSE than student_no_distillation [+0.500, +3.500]."),
        (MSE, 1.0, "open", "cannot be told from student_no_distillation (+1.000 MSE [-0.500, +2.500])."),
    ],
)
def test_metrics_of_other_kinds_in_words(metric: Metric, value: float, verdict: str, said: str) -> None:
    one = found("student", "student_no_distillation", value, verdict, metric, seeds=3)
    assert conclusions([one], [metric], "texts")[0] == f"The student {said}"


def test_several_seeds_are_not_called_one() -> None:
    assert len(conclusions([found("student", "student_no_distillation", 9.0, "better", seeds=3)], [F1], "texts")) == 1


def test_a_task_that_gives_no_resamples_has_nothing_to_say() -> None:
    assert conclusions([found("student", "student_no_distillation", 9.0, "better", MSE)], [F1], "texts") == []
