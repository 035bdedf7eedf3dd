"""The table of trials: lines for log files, and a live table that Tune's own bookkeeping leaves alone."""

import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from distil.framework.recipe.load import recipe_from_values
from distil.framework.search.log import SearchLog, read_search
from distil.framework.store import store_of
from distil.launch.interrupt import Interrupt
from distil.launch.search_table import LineTable, LiveTable, SearchTable, trials_table
from distil.launch.search_trial import GOES_ON, OUTCOME, REASON
from tests.tiny import tiny_values

if TYPE_CHECKING:
    from distil.launch.search_tune import Trials


@pytest.fixture
def log(tmp_path: Path) -> SearchLog:
    space = {"student.lr": {"kind": "choice", "values": [0.001, 0.002]}}
    values = tiny_values(tmp_path, search={"space": space, "searcher": {"kind": "grid"}})
    return SearchLog(recipe_from_values(values, "here"), {})


def trials_of(log: SearchLog, table: SearchTable, at_once: int = 1) -> "Trials":
    from distil.launch.search_tune import Trials  # and with it Ray, which is imported by no test before it runs

    return Trials(log, store_of(log.recipe), table, concurrent=lambda: at_once, interrupt=Interrupt())


def test_every_event_is_a_line(log: SearchLog, capsys: pytest.CaptureFixture[str]) -> None:
    trials = trials_of(log, LineTable(log))
    assert trials.next() is not None
    assert trials.next() is None  # one is running
    trials.begin(0)
    trials.hear(0, {GOES_ON: "goes on from step 3 of 8"})
    trials.hear(0, {"row": {"epoch": 1, "exact_match": 1.0, "f1": 12.345}})
    trials.hear(0, {OUTCOME: {"epochs": [], "metrics": {"f1": 40.0}, "seeds": []}})
    trials.end(0)
    assert trials.next() is not None
    trials.begin(1)
    trials.hear(1, {REASON: "the loss is nan"})
    trials.end(1)
    assert not trials.left
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["trial", "state", "epoch", "f1", "best", "so", "far", "values"],
        ["0", "running", "0/2", "–", "–", "student.lr=0.001"],
        ["trial", "0", "goes", "on", "from", "step", "3", "of", "8"],
        ["0", "running", "1/2", "12.35", "–"],
        ["0", "finished", "0/2", "40.00", "40.00", "(trial", "0)"],
        ["1", "running", "0/2", "–", "40.00", "(trial", "0)", "student.lr=0.002"],
        ["1", "failed", "0/2", "–", "40.00", "(trial", "0)", "the", "loss", "is", "nan"],
    ]


def test_a_live_table_does_not_end_up_in_tunes_files(log: SearchLog) -> None:
    from distil.launch.search_tune import Listener, NextTrial

    table = LiveTable(log)
    try:
        trials = trials_of(log, table)
        trials.next()
        trials.begin(0)
        assert pickle.dumps((Listener(trials), NextTrial(trials, "max")))
    finally:
        table.end()
    assert trials_table(log, log.trials).row_count == 1


def test_what_is_idle_of_the_places_for_trials_is_told(log: SearchLog, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("distil.framework.search.log.time", SimpleNamespace(monotonic=lambda: clock[0]))
    log.start_clock()
    trials = trials_of(log, LineTable(log), at_once=2)
    assert trials.next() is not None
    assert trials.next() is not None
    assert log.idle is None
    clock[0] = 102.0
    for number in (0, 1):
        trials.begin(number)
    clock[0] = 110.0
    seed = {"folder": "store/models/none/model", "metrics": {"training_seconds": 7.0}}
    trials.hear(0, {OUTCOME: {"metrics": {"f1": 40.0}, "seeds": [seed]}})
    trials.end(0)
    clock[0] = 120.0
    trials.end(1)  # stopped by the scheduler, after 18 seconds
    assert log.idle == pytest.approx(1 - (7 + 18) / (2 * 20))
    assert trials_table(log, log.trials).caption == "2 at once; idle, or not training: 38% of their time"
    log.finish("finished")
    assert read_search(log.folder)["idle"] == log.idle
