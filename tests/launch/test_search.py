"""Real searches: one that is left alone, and one that is killed in every way and ends the same."""

import json
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from distil.framework.recipe.load import load_recipe
from distil.framework.search.log import SearchLog, read_search
from distil.framework.tasks.span_qa.usage import QuestionRequest
from distil.launch.commands import app
from distil.launch.guard import guarded
from distil.launch.serve_models import models_in
from tests.forked import start
from tests.halting import go_on, halted, start_halting
from tests.processes import lasting_cluster, left_by, left_in_cluster, only_worker
from tests.searching import SEARCH, finish, first_epoch, recipe_file, search_of, wait_for
from tests.tiny import model_of
from tests.waiting import until

ENDED = ("finished", "pruned", "failed")


def figures(search: dict[str, Any]) -> list[dict[str, Any]]:
    """What the trials came to, without times."""
    return [
        {
            **{key: trial[key] for key in ("number", "state", "reason", "parameters", "values", "epochs")},
            "metrics": timeless(trial["metrics"]),
            "digests": [seed["digest"] for seed in trial["seeds"]],
        }
        for trial in search["trials"]
    ]


def timeless(metrics: dict[str, float] | None) -> dict[str, float]:
    return {name: value for name, value in (metrics or {}).items() if not name.endswith(("_ms", "seconds"))}


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """All searches join it: beginning one for each takes seconds."""
    with lasting_cluster():
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A search that nobody disturbs, and what it prints."""
    recipe = recipe_file(tmp_path_factory.mktemp("whole"))
    return recipe, finish(start("search", recipe))


def test_a_search_finds_its_best_trial(whole: tuple[Path, str]) -> None:
    recipe, output = whole
    folder, search = search_of(recipe)
    assert search["state"] == "finished"
    assert "Traceback" not in output
    states = [trial["state"] for trial in search["trials"]]
    assert len(states) == 4
    assert set(states) <= {"finished", "pruned"}
    finished = [trial for trial in search["trials"] if trial["state"] == "finished"]
    best = search["trials"][search["best"]]
    assert best["metrics"]["f1"] == max(trial["metrics"]["f1"] for trial in finished)
    for trial in search["trials"]:
        assert [row["epoch"] for row in trial["epochs"]] == list(range(1, len(trial["epochs"]) + 1))
        assert (trial["state"] == "finished") == (len(trial["epochs"]) == 5)
    assert output.count("] collect signals of teacher") == 1
    assert f"best: trial {best['number']}, f1 {best['metrics']['f1']:.2f}" in output
    assert (folder / "best.yaml").is_file()


def test_the_best_recipe_runs_as_it_is_and_its_student_answers(
    whole: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, search = search_of(whole[0])
    best_to = ["best", str(folder), "--to", str(tmp_path / "student")]
    printed = CliRunner().invoke(app, best_to, catch_exceptions=False)
    assert printed.exit_code == 0
    (tmp_path / "best.yaml").write_text(printed.stdout)
    output = finish(start("run", tmp_path / "best.yaml", "baselines=[]"))
    stages = [line for line in output.splitlines() if line.startswith("[")]
    assert all(line.endswith("done already") for line in stages[:-1])
    assert "time all models, in turn" in stages[-1]  # a trial's student is timed alone
    (run,) = set(folder.parent.glob("found-*/results.json")) - {folder / "results.json"}
    best = search["trials"][search["best"]]
    assert model_of(json.loads(run.read_text()), "student")["evaluation"]["f1"] == best["metrics"]["f1"]
    assert (tmp_path / "student" / "model.safetensors").is_file()
    of_search, of_copy = (models_in(place, None) for place in (folder, tmp_path / "student"))
    known = {metric.name: value for metric, value in of_search.by_name["student"].metrics}
    assert known["f1"] == best["seeds"][0]["metrics"]["f1"]
    asked = ["-q", "Где родилась Анна?", "-c", "Анна родилась в Туле."]
    request = QuestionRequest(question=asked[1], context=asked[3])
    for place, models in ((folder, of_search), (tmp_path / "student", of_copy)):
        answer = json.loads(CliRunner().invoke(app, ["answer", str(place), *asked], catch_exceptions=False).stdout)
        assert answer.items() <= models.answer(None, request).items()
    assert of_search.answer(None, request)["answer"] == of_copy.answer(None, request)["answer"]

    assert guarded(lambda: app(best_to, prog_name="distil")) == 2
    assert "exists already" in capsys.readouterr().err


def test_a_search_of_a_task_whose_metric_is_an_error_ends_with_the_least(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": f"{number} шт.", "value": number}) + "\n" for number in range(32)))
    recipe = recipe_file(
        tmp_path,
        data__source={"kind": "files", "path": {"train": str(path), "validation": str(path)}},
        task={"kind": "classification", "problem_type": "regression"},
        windows={"max_length": 16},
        search={**SEARCH, "metric": "mse", "trials": 3, "scheduler": {"kind": "none"}},
        student__epochs=2,
    )
    output = finish(start("search", recipe))
    folder, search = search_of(recipe)
    assert {split["examples"] for split in search["data"]["splits"].values()} == {32}
    errors = [trial["metrics"]["mse"] for trial in search["trials"]]
    assert search["trials"][search["best"]]["metrics"]["mse"] == min(errors)
    assert f"best: trial {search['best']}, mse {min(errors):.4g}" in output
    printed = CliRunner().invoke(app, ["answer", str(folder), "--text", "7 шт."], catch_exceptions=False)
    assert 0 <= json.loads(printed.stdout)["value"] <= 31


@pytest.mark.timeout(900)
def test_a_search_that_is_killed_in_every_way_ends_the_same(whole: tuple[Path, str], tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path, engine__worker_failures=1)
    again = r" +trial 0 goes on "
    process = start_halting(f"{first_epoch('[01]')}|{again}", "search", recipe)
    for _ in range(2):  # once it is tried again at once, twice the search goes on without it
        until(lambda: halted(process))
        only_worker("ImplicitFunc").kill()
        go_on(process)
    wait_for(process, 1, "1/5")
    process.kill()
    process.wait(timeout=120)
    assert left_by(process) == []
    assert left_in_cluster() == []

    folder, search = search_of(recipe)
    assert (search["state"], read_search(folder)["state"]) == ("running", "failed")
    lost = search["trials"][0]
    assert lost["state"] == "lost"
    assert lost["reason"].startswith("its process was lost or failed (ActorDiedError: ")
    process = start_halting(first_epoch("2"), "resume", folder)
    wait_for(process, 2, "1/5")
    until(lambda: halted(process))  # it might be stopped before
    process.send_signal(signal.SIGINT)
    go_on(process)
    assert "run the same command again to go on" in finish(process, 130)
    assert left_in_cluster() == []
    search = search_of(recipe)[1]
    assert search["state"] == "failed"
    done = {trial["number"]: trial for trial in search["trials"] if trial["state"] in ENDED}

    output = finish(start("search", recipe))
    assert re.search(r"goes on: \d trials? ended before; again trial 2 \(after epoch \d\)", output)
    assert re.search(r"trial 2 goes on from step \d+ of \d+", output)
    assert "asks for no token" in output
    assert left_in_cluster() == []
    _, found = search_of(recipe)
    assert found["state"] == "finished"
    assert figures(found) == figures(search_of(whole[0])[1])
    assert done
    for number, trial in done.items():
        assert found["trials"][number] == trial
        assert not [line for line in output.splitlines() if line.split()[:2] == [str(number), "running"]]


def test_a_search_whose_time_is_over_ends_and_takes_up_more_time(whole: tuple[Path, str]) -> None:
    recipe, _ = whole
    settings = {**SEARCH, "scheduler": {"kind": "none"}, "searcher": {"kind": "random"}, "trials": None}
    timed = recipe_file(recipe.parent, search={**settings, "minutes": 0.02}, name="timed")
    process, said = start_halting(first_epoch("0"), "search", timed), []
    for line in process.stdout:
        said.append(line)
        if re.match(first_epoch("0"), line):
            time.sleep(1.5)  # however quick the machine is, the time is over then
            go_on(process)
            break
    output = "".join(said) + finish(process, 1)
    assert " min is over" in output
    assert "give the search more time" in output
    (path,) = recipe.parent.glob("runs/timed-*/search.json")
    begun = json.loads(path.read_text())["trials"]
    assert {trial["state"] for trial in begun} <= {"stopped"}

    output = finish(start("search", timed, "search.minutes=null", "search.trials=1"))
    trials = json.loads(path.read_text())["trials"]
    assert [trial["state"] for trial in trials[:1]] == ["finished"]
    assert [trial["values"] for trial in trials[: len(begun)]] == [trial["values"] for trial in begun]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "RECIPE"], "use `distil search "),
        (["search", "RECIPE", "search=null"], "has no section `search`"),
        (["best", "FOLDER"], "no search at"),
        (["resume", "FOLDER"], "no run at"),
        (["search", "RECIPE", "search.space={student.lr: {kind: choice, values: [1e-3, -1]}}"], "student.lr = -1"),
    ],
)
def test_a_run_is_no_search_and_a_search_no_run(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"RECIPE": str(recipe_file(tmp_path)), "FOLDER": str(tmp_path)}
    assert guarded(lambda: app([given.get(word, word) for word in arguments], prog_name="distil")) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("more", [[], ["--trial", "0"]])
def test_a_search_in_which_no_trial_is_finished_has_no_best_one(
    more: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = load_recipe(recipe_file(tmp_path))
    log = SearchLog(recipe, {})
    log.add({}, {"student.lr": 1e-3, "losses": {"kl": {}}})
    log.fail(0, "it cannot be built")
    log.finish("finished")
    assert guarded(lambda: app(["best", str(recipe.run_folder), *more], prog_name="distil")) == 2
    assert "is finished; `distil resume" in capsys.readouterr().err
