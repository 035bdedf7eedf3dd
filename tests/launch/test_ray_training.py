"""Two real Ray workers, in a run and in a trial of a search: the same training as one, and it survives lost workers."""

import errno
import json
import queue
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from distil.framework.errors import TrainingError
from distil.framework.recipe.load import load_recipe
from distil.framework.run import run
from tests.forked import start
from tests.halting import go_on, start_halting
from tests.listening import assert_for_this_machine_alone
from tests.pausing import paused
from tests.processes import processes_of, ray_workers
from tests.searching import SEARCH, finish, first_epoch, recipe_file, search_of, wait_for
from tests.tiny import figures, model_of
from tests.waiting import until

SIZES = {"dim": 32, "n_layers": 1, "n_heads": 2, "hidden_dim": 64}
WITHOUT_DROPOUT = {**SIZES, "dropout": 0.0, "attention_dropout": 0.0, "qa_dropout": 0.0}
WITHOUT_TEACHER = {
    "teachers": None,
    "baselines": None,
    "losses": {"hard_label": {}},
    "student__model": {"kind": "config", "architecture": "distilbert", "config": WITHOUT_DROPOUT},
    "student__micro_batch": 4,
    "data__extra": {
        "held": {"source": {"kind": "synthetic", "examples": {"train": 16}, "facts": 3, "fillers": 0, "seed": 5}}
    },
    "student__validation": "held",
    "student__evaluate_every": 4,
    "student__best": True,
    "student__layer_decay": 0.9,
    "student__gradient_checkpointing": True,
    "student__packing": True,
}


def losses(output: Path, results: dict[str, Any]) -> list[float]:
    rows = [json.loads(line) for line in (output / results["models"][0]["history"]).read_text().splitlines()]
    return [row["metrics"]["loss"] for row in rows if row["kind"] == "step"]


@pytest.mark.timeout(900)
def test_a_trial_and_a_run_of_two_workers_train_as_one_worker_whoever_is_lost(tmp_path: Path) -> None:
    pause = tmp_path / "pause"
    pausing = {
        "kind": "tests.pausing:Pausing",
        "pause": str(pause),
        "checkpoint": "*/store/models/*/checkpoints/latest.json",
    }
    values = {**WITHOUT_TEACHER, "losses": {"hard_label": {}, "pausing": pausing}}
    fails = {"hard_label": {}, "failing": {"kind": "tests.pausing:Failing"}}
    space = {"losses": {"kind": "choice", "values": [values["losses"], fails]}}
    search = {**SEARCH, "space": space, "searcher": {"kind": "grid"}, "trials": None}
    recipe = recipe_file(tmp_path, search=search, engine__workers=2, **values)

    # A trial that loses its second worker, and one in whose second worker something fails.
    process = start_halting(first_epoch("0"), "search", recipe)
    wait_for(process, 0, "1/5")
    assert_for_this_machine_alone(processes_of(process.pid), tmp_path)
    (peer,) = ray_workers("_Peer")
    peer.kill()
    go_on(process)
    assert "Traceback" not in finish(process)
    folder, found = search_of(recipe)
    trial, failed = found["trials"]
    assert trial["state"] == "finished"
    assert [row["epoch"] for row in trial["epochs"]] == [1, 2, 3, 4, 5]
    assert (failed["state"], failed["reason"], failed["epochs"]) == ("failed", "the second worker fails", [])

    # A run of its recipe that is stopped, goes on, and loses a worker.
    command = ("run", folder / "best.yaml", f"output={tmp_path / 'two'}")
    with paused(pause):
        process = start(*command)
        until(lambda: any(tmp_path.glob("two/store/models/*/checkpoints/latest.json")), seconds=200)
        assert len(ray_workers("RayTrainWorker")) == 2
        assert_for_this_machine_alone(processes_of(process.pid), tmp_path)
        for each in processes_of(process.pid):  # as systemd and Slurm do
            with suppress(psutil.NoSuchProcess):
                each.terminate()
        said = finish(process, 143)
    assert said.splitlines()[-1] == "distil: stopped; what is done is kept: run the same command again to go on"
    assert "SIGTERM received" not in said
    (path,) = (tmp_path / "two").glob("found-*/results.json")
    assert json.loads(path.read_text())["state"] == "failed"
    with paused(pause):
        process = start(*command)
        until(
            lambda: len(ray_workers("RayTrainWorker")) == 2, seconds=200
        )  # the checkpoint is that of the attempt before
        ray_workers("RayTrainWorker")[0].kill()
    finish(process)
    assert not (tmp_path / "owned").exists()
    two = json.loads(path.read_text())
    student = model_of(two, "student")
    assert student["digest"] == trial["seeds"][0]["digest"]
    assert student["evaluation"]["f1"] == trial["metrics"]["f1"]
    assert student["training"]["selection"]["ended"] == "steps"  # both workers went on after each measurement

    alone = [f"output={tmp_path / 'one'}", "engine.workers=1"]
    one = run(load_recipe(folder / "best.yaml", alone))
    assert losses(tmp_path / "two", two) == pytest.approx(losses(tmp_path / "one", one), abs=1e-4)
    assert figures(one)["models"][0]["parameters"] == figures(two)["models"][0]["parameters"]


@pytest.mark.parametrize(
    ("failures", "said"),
    [
        (
            [RuntimeError("Connection closed by peer"), TrainingError("the loss is not finite")],
            "^the loss is not finite$",
        ),
        (
            [OSError(errno.ENOSPC, "No space left on device", "/there")],
            "a disk of a Ray worker is full .*free some space",
        ),
        (
            [RuntimeError("[pair.cc:537] Read error: Connection reset by peer")],
            r"failed \(a worker is lost: .*again to go on",
        ),
        ([MemoryError()], r"a Ray worker is out of memory \(MemoryError\).*lower student\.batch_size"),
        (
            [RuntimeError("Connection closed by peer"), EOFError("it is lost")],
            r"failed \(EOFError: it is lost\).*again to go on",
        ),
    ],
)
def test_why_workers_failed_is_told_as_what_it_is(tmp_path: Path, failures: list[Exception], said: str) -> None:
    from ray.train import WorkerGroupError
    from ray.train.v2._internal.exceptions import UserExceptionWithTraceback

    from distil.launch.ray_training import _worded

    raised = {rank: UserExceptionWithTraceback(failure, "Traceback") for rank, failure in enumerate(failures)}
    error = _worded(WorkerGroupError("[Rank 0 Error Snippet]:\n...", raised), 2, tmp_path)
    assert re.search(said, str(error))


def test_workers_are_begun_anew_where_one_is_lost_as_they_are_given_their_work(monkeypatch: pytest.MonkeyPatch) -> None:
    from ray.exceptions import ActorDiedError
    from ray.train import ControllerError, FailureConfig, RunConfig, ScalingConfig
    from ray.train.v2._internal.exceptions import WorkerGroupStartupFailedError
    from ray.train.v2._internal.execution.failure_handling.default import DefaultFailurePolicy
    from ray.train.v2._internal.execution.worker_group import WorkerGroup

    from distil.launch.ray_training import Meeting, _LostAtStart, _Trainer

    def start(group: WorkerGroup) -> None:
        raise ActorDiedError

    ended: list[WorkerGroup] = []
    monkeypatch.setattr(WorkerGroup, "_start", start)
    monkeypatch.setattr(WorkerGroup, "shutdown", lambda group: ended.append(group))
    once = RunConfig(failure_config=FailureConfig(max_failures=1))
    trainer = _Trainer(print, torch_config=Meeting(), scaling_config=ScalingConfig(num_workers=2), run_config=once)
    (ours,) = [one for one in trainer._create_default_callbacks() if isinstance(one, _LostAtStart)]
    ours.after_controller_start(None)
    group = object.__new__(WorkerGroup)
    with pytest.raises(WorkerGroupStartupFailedError) as failed:
        group._start()
    assert DefaultFailurePolicy(FailureConfig()).make_decision(ControllerError(failed.value)).name == "RETRY"
    with pytest.raises(ActorDiedError):  # who is always lost there, as for want of memory, is not begun for ever
        group._start()
    assert ended == [group, group]


class Reports(queue.Queue[int]):
    """As Ray's, within this process."""

    forced = False

    def shutdown(self, force: bool = False) -> None:
        self.forced = self.forced or force


def test_what_is_reported_last_is_noted_too() -> None:
    from distil.launch.ray_training import _drained

    reports, noted = Reports(), list[int]()
    with _drained(reports, noted.append):
        reports.put(1)
        reports.put(2)
    assert (noted, reports.forced) == ([1, 2], False)


@pytest.mark.parametrize("fails", [True, False])
def test_a_training_of_which_nothing_can_be_noted_ends(fails: bool) -> None:
    from distil.launch.ray_training import _drained

    def note(row: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def train(reports: Reports) -> None:
        with _drained(reports, note):
            reports.put(1)
            until(lambda: reports.forced)
            if fails:
                raise RuntimeError("the workers could not report")

    with pytest.raises(OSError, match="No space left"):
        train(Reports())
