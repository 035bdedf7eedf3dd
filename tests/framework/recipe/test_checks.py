"""Sections that do not fit each other: every problem has its own message."""

from pathlib import Path
from typing import Any

import pytest

from distil.framework.errors import RecipeError
from distil.framework.recipe.load import recipe_from_values
from distil.framework.recipe.schema import Recipe
from tests.other_metrics import TASK
from tests.tiny import several_values, tiny_values

MORE = {"source": {"kind": "synthetic", "examples": {"train": 8}, "seed": 5}}
WEIGHED = {"rule": "weighted", "weights": {"a": 2.0, "b": 1.0, "c": 1.0}}


def recipe(**changes: Any) -> Recipe:
    return recipe_from_values(several_values(Path("runs"), **changes), "here")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ensemble": None}, r"3 teachers \(a, b, c\): say how they become one, .*`ensemble: \{rule: mean\}`"),
        (
            {"teachers__b": None, "teachers__c": None},
            r"`ensemble` combines teachers, and there is 1: add teachers, or drop",
        ),
        ({"teachers": {}, "losses": {"hard_label": {}}}, "`ensemble` combines teachers, and there is none"),
        (
            {"ensemble": WEIGHED | {"weights": {"a": 1.0, "b": 1.0, "d": 1.0}}},
            r"ensemble\.weights: no teacher is called 'd'; legal here: a, b, c",
        ),
        ({"ensemble": WEIGHED | {"weights": {"a": 1.0, "b": 1.0}}}, "teacher 'c' has none: add it"),
        (
            {"ensemble": {"rule": "label_aware"}, "student__unlabelled": ["more"], "data__extra": {"more": MORE}},
            r"student\.unlabelled: the rule 'label_aware' weighs teachers by labels, which these questions lack",
        ),
        (
            {"signals__held_out": "train", "ensemble": None, "losses": None, "student": None},
            r"signals\.held_out is for calibrated temperatures and weights by a metric",
        ),
        (
            {"ensemble": {"rule": "weighted", "weights": "f1"}},
            r"signals\.held_out: .* not to those of 'dev', by which all is measured: name another labelled split",
        ),
        (
            {"ensemble": {"rule": "weighted", "weights": "f1"}, "signals__held_out": "train", "task": TASK},
            "weighed by 'f1', which is no metric of the task tests.other_metrics:Estimate; legal here: hits",
        ),
        (
            {"ensemble": {"rule": "weighted", "weights": "F1"}, "signals__held_out": "train"},
            "weighed by 'F1', which is no metric of the task extractive_qa; did you mean 'f1'",
        ),
        (
            {"ensemble": {"rule": "weighted", "weights": "error"}, "signals__held_out": "train", "task": TASK},
            "weighed by 'error', of which less is better, in units of the data's own: weigh by hits, give",
        ),
        (
            {"teachers__a__temperature": "calibrated"},
            r"signals\.held_out: .* fitted to labels, and not to those of 'dev'",
        ),
        ({"signals__held_out": "dev"}, r"signals\.held_out is 'dev', by which all is measured \(evaluation\.split\)"),
        (
            {"student__unlabelled": ["more"], "data__extra": {"more": MORE}, "losses": {"hard_label": {}}},
            r"student\.unlabelled: no loss compares with a teacher, so nothing can be learnt there",
        ),
        ({"student__unlabelled": ["dev", "dev"]}, r"student\.unlabelled names a split twice"),
        ({"student__unlabelled": ["train"]}, r"student\.unlabelled names .* the one that the student is trained on"),
        ({"student__unlabelled": ["deev"]}, r"student\.unlabelled\[0\]: no split .* 'deev'; did you mean 'dev'"),
        ({"baselines": ["d"]}, r"unknown baseline 'd'; legal here: no_distillation, a, b, c"),
        ({"baselines": ["no_distilation"]}, "did you mean 'no_distillation'"),
        ({"baselines": ["a", "a"]}, "`baselines` names one twice"),
        (
            {"baselines": ["a"], "losses": {"hard_label": {}}},
            "`baselines` would repeat the student: no loss compares with a teacher",
        ),
        (
            {"baselines": ["a"], "teachers__b": None, "teachers__c": None, "ensemble": None},
            "baselines: 'a' is the only teacher: the student is that baseline",
        ),
        ({"student": None}, "`losses` is for a student, and there is none"),
        ({"student": None, "losses": None, "baselines": ["a"]}, "`baselines` is for a student, and there is none"),
        ({"data__extra": {"more": MORE}}, r"data: nothing uses the split 'more': drop what is idle"),
        (
            {"signals__held_out": "deev", "teachers__a__temperature": "calibrated"},
            r"signals\.held_out: no split of `data` is called 'deev'; did you mean 'dev'",
        ),
        ({"teachers__a__split": "trian"}, r"teachers\.a\.split: no split .*'trian'; did you mean 'train'"),
        ({"evaluation__split": "test"}, r"evaluation\.split: no split of `data` is called 'test'"),
        ({"teachers__a__crossfit": 1}, r"teachers\.a\.crossfit: .*greater than or equal to 2"),
        (
            {"teachers__a__model": {"kind": "folder", "path": "x"}, "teachers__a__fine_tune": None}
            | {"teachers__a__tokenizer": None, "teachers__a__crossfit": 2},
            "`crossfit` fine-tunes the teacher on folds, and this one is taken as it is",
        ),
        (
            {"task": {"kind": "extractive_qa", "null_threshold": 1.0}},
            r"task\.null_threshold is for unanswerable questions: set task\.unanswerable: true, or drop it",
        ),
        (
            {"data__source__unanswerable": 0.1},
            r"data\.source\.unanswerable is 0\.1 but task\.unanswerable is false; set task\.unanswerable: true",
        ),
        (
            {"teachers__a__kind": "generative", "teachers__a__prompt": "{context}"},
            r"teachers\.a\.prompt is .*expected a text with \{question\} and \{context\}",
        ),
        ({"windows__doc_stride": 60}, r"windows: doc_stride 60 leaves no new context in a window"),
        (
            {"teachers__a__windows": {"max_length": 40, "doc_stride": 20, "max_question": 24}},
            r"teachers\.a\.windows: doc_stride 20 leaves no new context",
        ),
        (
            {
                "data__source": {
                    "kind": "files",
                    "path": {"train": "a.json", "validation": "b.json"},
                    "fields": {"text": "a"},
                }
            },
            r"data\.source\.fields: unknown key 'text'; .*legal here: id, context, question, answers, start, is_impossible",
        ),
        ({"teachers__a__temperature": 0.0}, "temperature: input should be greater than or equal to 0.01"),
        ({"teachers__a__temperature": "calibrate"}, r"teachers\.a\.temperature: input should be 'calibrated'"),
        ({"teachers__a__temperature": float("inf")}, r"teachers\.a\.temperature: input should be a finite number"),
        (
            {"losses": {"kl": {"weight": -1.0}}},
            r"^here: losses\.kl\.weight: .*greater than or equal to 0 \(found -1\.0\)$",
        ),
        (
            {"losses": {"kl": {"weight": 0}, "hard_label": {"weight": 0}}},
            "all losses weigh 0, by which nothing is learnt",
        ),
        ({"losses": ["kl"]}, r"^here: losses: expected `name: value` for each \(found \[kl\]\)$"),
        ({"losses": {"mse": {}}}, r"losses\.mse: unknown kind 'mse'; did you mean 'mse_logits'\?"),
        ({"task": {"kind": "classification", "labels": ["a"]}}, r"task\.labels: expected 2 or more \(found \[a\]\)"),
        ({"losses": {"kl": {"weight": {"stat": 1.0}}}}, r"^here: losses\.kl\.weight\.stat: unknown key .* 'start'\?"),
        ({"losses": {"kl": {"weight": {"start": 1.0}}}}, r"^here: losses\.kl\.weight\.end is missing; add it$"),
        ({"signals__mode": "precomputed", "signals__ahead": 8}, r"signals: `ahead` is for teachers that stream"),
    ],
    ids=str,
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        recipe(**changes)


@pytest.mark.parametrize("name", ["ensemble", "student", "no_distillation", "student_from_a", "a/b", " "])
def test_names_that_mean_something_else_are_no_teachers(name: str) -> None:
    values = tiny_values(Path("runs"))
    values["teachers"] = {name: values["teachers"]["teacher"]}
    with pytest.raises(RecipeError, match=f"'{name}' cannot name a teacher"):
        recipe_from_values(values, "here")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"ensemble": None, "losses": None, "student": None},
        {"ensemble": WEIGHED},
        {"ensemble": {"rule": "weighted", "weights": "f1"}, "signals__held_out": "train"},
        {"teachers__c__temperature": "calibrated", "signals__held_out": "train"},
        {"signals__held_out": "train"},
        {"student__unlabelled": ["dev"]},
        {"student__unlabelled": ["more"], "data__extra": {"more": MORE}},
        {"losses": {"hard_label": {}}},
        {"baselines": ["no_distillation", "a", "b", "c"]},
        {"ensemble": {"rule": "label_aware"}},
        {"signals__mode": "streamed", "signals__ahead": 8},
        {"signals__mode": "precomputed", "signals__ahead": 4},
    ],
    ids=str,
)
def test_what_fits_together_reads_back_as_itself(changes: dict[str, Any]) -> None:
    one = recipe(**changes)
    again = recipe_from_values(one.resolved(), "again")
    assert again == one
    assert again.digest == one.digest


def test_who_is_calibrated_before_teaching() -> None:
    assert recipe().calibrated == []
    train = {"signals__held_out": "train"}
    assert recipe(teachers__b__temperature="calibrated", teachers__c__temperature=2.0, **train).calibrated == ["b"]
    by_f1 = recipe(ensemble={"rule": "weighted", "weights": "f1"}, **train)
    assert by_f1.calibrated == ["a", "b", "c"]
    assert by_f1.held_out == "train"
