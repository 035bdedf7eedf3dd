"""Runs whose students learn texts that models write: what teachers complete, and what a student writes itself, round by round."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from distil.framework.complete import complete
from distil.framework.config import Section
from distil.framework.errors import RecipeError, UserError
from distil.framework.label import label
from distil.framework.language.words import ENGLISH
from distil.framework.model_records import model_records
from distil.framework.predictors.function import FunctionPredictor
from distil.framework.recipe.load import recipe_from_values
from distil.framework.rehearsal.outline import outline
from distil.framework.run import prepare, run
from distil.framework.search.log import SearchLog
from distil.framework.search.trial import run_trial
from distil.framework.signals.algebra import concat
from distil.framework.stages import written
from distil.framework.tasks.base import InferenceConfig
from distil.framework.tasks.text.predictor import TextPredictor
from distil.framework.tasks.text.writing import Completion, TextWriter
from distil.framework.teachers.base import without_model
from distil.framework.teachers.generative import Generative
from distil.framework.training.history import ReportTo
from distil.framework.training.job import TrainingJob, TrainingSummary
from distil.framework.training.loop import train_in_process
from distil.launch.search_table import trials_table
from distil.tracking.content import model_metrics
from distil.tracking.html.charts import curves
from distil.tracking.report import markdown_table
from tests.forked import start
from tests.framework.tasks.text.runs import bpe, pairs, values
from tests.tiny import figures, model_of, several_values, watched_run

_LONGER = {"lr": 0.02, "epochs": 12, "batch_size": 16}
_ROUNDS = {"count": 2, "of": ["prompts"], "epochs": 1, "lr": 0.005}
_COMPLETIONS = {"of": ["prompts"], "count": 2, "temperature": 0.7}


def settings(output: Path, **changes: Any) -> dict[str, Any]:
    """Two teachers, and a split of prompts of which nobody knows how they go on."""
    prompts = output / "prompts.jsonl"
    if not prompts.exists():
        lines = [json.dumps({"prompt": one["prompt"]}, ensure_ascii=False) for one in pairs(56)[40:]]
        prompts.write_text("\n".join(lines), encoding="utf-8")
    usual = {
        "task": {"kind": "text", "generation": {"max_new_tokens": 24}},
        "data__splits": {"train": "train[:24]", "dev": "train[32:40]"},
        "data__extra": {"prompts": {"source": {"kind": "files", "path": str(prompts)}}},
        "teachers__a__fine_tune": _LONGER,
        "teachers__b__fine_tune": _LONGER,
        "student__epochs": 3,
        "student__completions": _COMPLETIONS,
        "student__rounds": _ROUNDS,
        "evaluation": {"latency_questions": 0, "bootstrap": 100},
    }
    return values(output, **{**usual, **changes})


def recipe(output: Path, **changes: Any) -> Any:
    return recipe_from_values(settings(output, **changes), "here")


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def watched(output: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Results, and what models were trained towards, by digest."""
    return watched_run(settings(output, baselines=["no_distillation", "a"]))


@pytest.fixture(scope="module")
def results(watched: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    return watched[0]


def test_a_student_learns_what_teachers_write_and_then_what_it_writes_itself(
    watched: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    results, objectives = watched
    student = model_of(results, "student")
    assert [one["round"] for one in student["rounds"]] == [0, 1, 2]
    digests = [one["digest"] for one in student["rounds"]]
    assert digests[-1] == student["digest"]
    first, *others = (objectives[digest].items.examples for digest in digests)
    assert sum(one.labelled for one in first) == len(first) > 24  # the data, and what teachers write
    known = {one["prompt"] for one in pairs(56)[40:]}
    assert {one.prompt for one in first[24:]} <= known
    for number, examples in enumerate(others, start=1):
        assert not any(one.labelled for one in examples)
        assert {one.prompt for one in examples} <= known
        assert student["rounds"][number]["texts"] == len(examples)
        assert list(objectives[digests[number]].losses) == ["chunk", "kl"]
    assert [one.completion for one in others[0]] != [one.completion for one in others[1]]
    figures = [one["evaluation"]["bits_per_byte"] for one in student["rounds"]]
    assert len(set(figures)) == 3
    assert figures[-1] == student["evaluation"]["bits_per_byte"]
    assert student["training"]["steps"] == student["rounds"][0].get("training", student["training"])["steps"]


def test_baselines_learn_from_nobody_or_from_one_teacher_alone(
    watched: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    results, objectives = watched
    alone, without = model_of(results, "student_from_a"), model_of(results, "student_no_distillation")
    assert len(alone["rounds"]) == 3
    assert (alone["settings"]["completions.of"], alone["settings"]["rounds.count"]) == ("prompts", 2)
    assert not [name for name in without["settings"] if name.startswith(("completions", "rounds"))]
    assert "rounds" not in without
    assert without["training"]["steps"] == model_of(results, "student")["training"]["steps"]
    assert all(one.labelled for one in objectives[without["digest"]].items.examples)
    asked = {(one["teacher"], one["split"]) for one in results["signals"]}
    assert {("a", "student_from_a, round 1"), ("a", "student, round 2"), ("b", "student, round 2")} <= asked
    assert ("b", "student_from_a, round 1") not in asked
    by_a = next(one for one in results["signals"] if one["split"] == "completions of prompts by a")
    assert by_a["known"] == by_a["examples"]  # each text is known from what all teachers were asked about


def test_figures_of_rounds_are_reported(results: dict[str, Any]) -> None:
    text = markdown_table(results)  # type: ignore[arg-type]
    assert re.search(
        r"student, before rounds on its own texts and after each: bits per byte [\d.]+, [\d.]+, [\d.]+", text
    )
    drawn = curves(Path(str(results["recipe"]["output"])) / "tiny", results, ENGLISH)  # type: ignore[arg-type]
    assert drawn is not None
    (plot,) = (one for one in drawn.metrics if one.key == "bits_per_byte-round")
    assert [[round for round, _ in line.points] for line in plot.lines] == [
        [0, 1, 2]
    ] * 2  # the student's, and the baseline's
    metrics = model_metrics(model_of(results, "student"))  # type: ignore[arg-type]
    assert [name for name in metrics if name.startswith("round/") and name.endswith("bits_per_byte")] == [
        f"round/{number}/bits_per_byte" for number in range(3)
    ]


def _refuse(*_: Any, **__: Any) -> Any:
    raise AssertionError("this was done before")


def test_nothing_is_done_twice(results: dict[str, Any], output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TextWriter, "write", _refuse)
    monkeypatch.setattr(TextPredictor, "run", _refuse)
    again = run(recipe(output, baselines=["no_distillation", "a"]), _refuse)
    assert figures(again) == figures(results)  # type: ignore[arg-type]
    more = settings(output, student__rounds={**_ROUNDS, "count": 3})
    _, graph = prepare(recipe_from_values(more, "here"))
    (student,) = (model for model in graph.models if model.role == "student")
    rounds = [one["digest"] for one in model_of(results, "student")["rounds"]]
    assert [student.trained.digest, *(one.trained.digest for one in student.rounds[:2])] == rounds  # type: ignore[union-attr]


def test_with_other_losses_teachers_write_nothing_again(
    results: dict[str, Any], output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    said = TextPredictor.run

    def counted(self: TextPredictor, prepared: Any) -> Any:
        asked.extend(["text"] * len(prepared))
        return said(self, prepared)

    monkeypatch.setattr(TextPredictor, "run", counted)
    losses = {"kl": {"temperature": 1.0, "weight": 1.01}, "chunk": None, "hard_label": None}
    found = run(recipe(output, losses=losses, student__rounds={**_ROUNDS, "count": 1}))
    of_round = [one for one in found["signals"] if one["split"] == "student, round 1"]
    known = sum(one.get("known", 0) for one in of_round)  # type: ignore[misc]
    assert known > 0
    assert len(asked) == sum(one["examples"] or 0 for one in of_round) - known  # type: ignore[misc]


class _Letters:
    """Writes an é as a letter and its accent."""

    def write(self, examples: Any, sampling: Any) -> Any:
        return [[Completion(f"{one.id}: cafe\u0301", ended=True)] for one in examples]


def test_what_is_kept_is_composed_and_goes_on_behind_a_kill(
    output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or tokenizers that compose texts would not give them back."""
    monkeypatch.setattr(written.Author, "writers", lambda author, context: [_Letters()])
    _, graph = prepare(recipe(output))
    begun = json.dumps([{"text": "before", "ended": True}])
    (tmp_path / "written.jsonl").write_text(f'{begun}\n[{{"text": "bef', encoding="utf-8")
    graph.completions[0].candidates.stages[0].make(tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "written.jsonl").open(encoding="utf-8")]
    assert [one["text"] for (one,) in lines] == ["before", *(f"{number}: caf\u00e9" for number in range(1, 16))]


class _Stopped(BaseException):
    """As by a signal."""


@pytest.mark.parametrize("place", ["write", "train"])
def test_a_run_that_is_stopped_in_a_round_goes_on_there(
    results: dict[str, Any], output: Path, tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a store with all that comes before the student."""
    before = place
    monkeypatch.setattr(written, "_AT_ONCE", 4)
    shutil.copytree(output / "store", tmp_path / "store", ignore=shutil.ignore_patterns("*.lock"))
    changes = {
        "student__completions": None,
        "teachers__b": None,
        "ensemble": None,
        "student__rounds": {**_ROUNDS, "temperature": 0.5 if place == "write" else 0.6},
    }
    again = recipe_from_values({**settings(output, **changes), "output": str(tmp_path)}, "here")
    calls: list[int] = []
    write = TextWriter.write

    def counted(self: TextWriter, examples: Any, *rest: Any, **named: Any) -> Any:
        calls.append(len(examples))
        if place == "write" and len(calls) == 3:
            raise _Stopped
        return write(self, examples, *rest, **named)

    def stopped(job: TrainingJob, report: ReportTo) -> TrainingSummary:
        summary = train_in_process(job, report)
        if place == "train" and len(job.objective.lengths) <= 16:
            raise _Stopped
        return summary

    monkeypatch.setattr(TextWriter, "write", counted)
    with pytest.raises(_Stopped):
        run(again, stopped)
    place = "nowhere"
    found = run(again)
    assert sum(count for count in calls if count == 4) == (
        36 if before == "write" else 32
    )  # one of 4 was lost, of 32 in two rounds
    whole = run(recipe(output, **changes))
    assert figures(whole)["models"] == figures(found)["models"]  # type: ignore[arg-type]


def test_a_round_may_go_through_the_data_as_well(results: dict[str, Any], output: Path) -> None:
    found, objectives = watched_run(settings(output, student__rounds={**_ROUNDS, "count": 1, "with_data": True}))
    student = model_of(found, "student")
    learnt, known = (objectives.get(student["rounds"][1]["digest"]), model_of(results, "student")["rounds"][0])
    assert student["rounds"][0]["digest"] == known["digest"]
    assert learnt is not None
    assert sum(not one.labelled for one in learnt.items.examples) == student["rounds"][1]["texts"]
    assert sum(one.labelled for one in learnt.items.examples) > 24
    assert list(learnt.losses) == ["chunk", "hard_label", "kl"]


def test_texts_of_teachers_alone_can_be_learnt(results: dict[str, Any], output: Path) -> None:
    """Plain sequence-level distillation: labels, and nobody's opinion of them."""
    changes = {"losses": {"hard_label": {}}, "student__rounds": None, "baselines": ["no_distillation"]}
    found, objectives = watched_run(settings(output, **changes))
    student, without = model_of(found, "student"), model_of(found, "student_no_distillation")
    assert len(objectives[student["digest"]].items.examples) > 24
    assert student["evaluation"]["bits_per_byte"] != without["evaluation"]["bits_per_byte"]
    assert "rounds" not in student


def test_who_says_nothing_of_texts_writes_all_the_same(
    results: dict[str, Any], output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Generative, "only_writes", True, raising=False)
    alone = {"losses": {"hard_label": {}}, "student__rounds": None}
    found = complete(recipe(output, **alone), "prompts", tmp_path / "out", count=2, temperature=0.7)
    rows = [json.loads(line) for line in (found.folder / "prompts.jsonl").open(encoding="utf-8")]
    assert rows
    assert {row["bits_per_byte"] for row in rows} == {None}
    monkeypatch.setattr(Generative, "only_writes", property(lambda self: self.tokenizer.vocab_size == 300))
    _, graph = prepare(recipe(output))
    assert {found.teacher for found in graph.of_texts} == {"b"}
    assert next(stage.title for stage in graph.completions[0].candidates.stages) == "have a write on 'prompts'"
    assert graph.ensemble is None
    with pytest.raises(RecipeError, match="baselines: 'a' writes alone and says of no text how likely it is"):
        recipe(output, baselines=["a"])


def test_prompts_are_labelled_by_nobody(output: Path) -> None:
    with pytest.raises(UserError, match="nothing but prompts from the split 'prompts', and labels are of whole texts"):
        label(recipe(output), ["prompts"])


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"student__rounds": {"of": ["dev"]}}, "student.rounds.of[0] is 'dev', by which all is measured"),
        ({"student__rounds": {"of": ["other"]}}, "student.rounds.of[0]: no split of `data` is called 'other'"),
        ({"student__rounds": {"of": ["train", "train"]}}, "student.rounds.of names the split 'train' twice"),
        (
            {"student__completions": {"of": ["prompts"], "temperature": 1.0}},
            "`temperature` is for completions that are drawn",
        ),
        ({"losses": {"hard_label": {}}}, "student.rounds: nobody says that what a student writes is right"),
        ({"ensemble": {"rule": "label_aware"}}, "student.rounds: the rule 'label_aware' weighs teachers by labels"),
        (
            {"teachers__a": None, "teachers__b": None, "ensemble": None, "losses": {"hard_label": {}}},
            "student.completions: there are no teachers",
        ),
        ({"student__unlabelled": ["prompts"], "student__rounds": None}, ""),
    ],
)
def test_what_cannot_be_meant_is_refused(output: Path, changes: dict[str, Any], problem: str) -> None:
    if problem:
        with pytest.raises(UserError, match=re.escape(problem)):
            recipe(output, **changes)
        return
    with pytest.raises(
        UserError, match=r"a prompt without a completion .* student\.completions.of and student\.rounds\.of alone"
    ):
        prepare(recipe(output, **changes))


def test_rounds_of_a_baseline_whose_teacher_is_compared_with_nothing_are_refused(output: Path) -> None:
    """Of its teacher's tokens, which are not the student's."""
    changes = {"baselines": ["b"], "teachers__a__tokenizer": bpe(350), "student__completions": None}
    by_tokens = settings(output, **changes) | {"losses": {"next_token": {}, "hard_label": {}}}
    with pytest.raises(UserError, match="baselines: 'b' would have no loss left in rounds "):
        prepare(recipe_from_values(by_tokens, "here"))
    by_tokens["baselines"] = ["a"]
    assert prepare(recipe_from_values(by_tokens, "here"))


def test_who_learns_of_the_prompts_by_which_all_is_measured_is_noted(output: Path) -> None:
    for more, noted in (({"more": "train[24:36]"}, True), ({}, False)):
        splits = {"train": "train[:24]", "dev": "train[32:40]", **more}
        changes = {"data__splits": splits, "student__completions": None, "student__rounds": {"of": ["prompts", *more]}}
        *_, student = model_records(*prepare(recipe(output, **changes)))
        assert student["transductive"] is noted


def test_other_tasks_have_nothing_to_write(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"student\.rounds: models of the task extractive_qa write nothing"):
        recipe_from_values(several_values(tmp_path, student__rounds={"of": ["train"]}), "here")


def test_recipes_without_written_texts_keep_their_digests(output: Path) -> None:
    with_none = settings(output, student__rounds=None, student__completions=None, data__extra=None)
    left_out = settings(output, student__rounds=None, student__completions=None, data__extra=None)
    with_none["student"] |= {"rounds": None, "completions": None}
    assert recipe_from_values(with_none, "here").digest == recipe_from_values(left_out, "here").digest


@without_model
class Mute(Section):
    """A teacher of one's own that does not write."""

    kind: str

    def predictor(self, folder: Path, inference: InferenceConfig) -> FunctionPredictor:
        return FunctionPredictor(lambda examples: concat([]), inference)


def test_a_teacher_of_ones_own_has_to_have_a_writer(output: Path, tmp_path: Path) -> None:
    mute = {"kind": f"{__name__}:Mute"}
    changes = {"teachers": {}, "teachers__a": mute, "teachers__b": None, "ensemble": None}
    alone = settings(output, **changes)
    del alone["student"], alone["losses"]
    paths = {"train": str(output / "prompts.jsonl"), "validation": str(output / "pairs.jsonl")}
    alone |= {"output": str(tmp_path), "data": {"source": {"kind": "files", "path": paths}}}
    with pytest.raises(UserError, match=r"teachers\.a writes no completions, as its predictor has no `writer`"):
        complete(recipe_from_values(alone, "here"), "train")


def test_a_search_counts_the_epochs_of_rounds(results: dict[str, Any], output: Path) -> None:
    space = {"student.rounds.lr": {"kind": "choice", "values": [0.005, 0.002]}}
    values = settings(output, search={"space": space, "trials": 2}, student__completions=None)
    values |= {"task": {**values["task"], "measures": []}}
    told: list[dict[str, float]] = []
    found = run_trial(recipe_from_values(values, "here"), {"student.rounds.lr": 0.002}, train_in_process, told.append)
    assert [row["epoch"] for row in told] == [1, 2, 3, 4]
    assert [row["epoch"] for row in found["epochs"]] == [1, 2, 3, 4, 5]
    assert found["epochs"][-1]["bits_per_byte"] == pytest.approx(found["metrics"]["bits_per_byte"])


def test_what_rounds_take_is_reckoned_with_beforehand(output: Path) -> None:
    with_data = recipe(output, baselines=["a"], student__rounds={**_ROUNDS, "epochs": 3, "with_data": True})
    *_, student = outline(with_data, {"train": 24, "dev": 8, "prompts": 16})
    assert (student.again, student.writes) == (4, 64)
    assert student.own == 3 * 4 * (16 + 24 + 16)  # its own, the data, completions
    space = {"student.rounds.count": {"kind": "choice", "values": [1, 4]}}
    log = SearchLog(recipe(output, search={"space": space, "trials": 2}), {})
    trial = {
        "number": 0,
        "state": "running",
        "epochs": [],
        "metrics": None,
        "reason": None,
        "values": {"student.rounds.count": 4},
    }
    assert list(trials_table(log, [trial]).columns[2].cells) == ["0/7"]  # type: ignore[list-item]


def test_commands_tell_of_texts_that_are_written(results: dict[str, Any], output: Path, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    with_data = settings(output, student__rounds={**_ROUNDS, "with_data": True})
    path.write_text(json.dumps(with_data), encoding="utf-8")
    planned = start("plan", path)
    said = planned.stdout.read()
    assert planned.wait(120) == 0
    assert "have student, round 2 write on 'prompts'" in said
    assert "signals of b on 'student, round 2': at most 16 texts, which are written first; about 0.0 MB if" in said
    assert re.search(r"≥ 6 \+ 2 x ≤ 4", said)  # of 24 texts, 16 completions and 16 of its own
    written = start("complete", path, "--split", "prompts", "--count", "2", "--temperature", "0.7", "--to", tmp_path)
    said = " ".join(written.stdout.read().split())
    assert written.wait(120) == 0
    assert re.search(r"\d+ of 16 prompts of 'prompts' have a completion", said)
    facts = json.loads((tmp_path / "completions.json").read_text())
    rows = (tmp_path / "prompts.jsonl").read_text(encoding="utf-8").splitlines()
    assert facts["completed"] == len(rows) > 0
