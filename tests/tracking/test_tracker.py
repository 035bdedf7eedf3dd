"""Trackers beside MLflow, and what each of them has got afterwards."""

import json
import sys
from importlib.util import find_spec

import pytest

from distil.framework.errors import TrackingError, UserError
from distil.framework.recipe.load import recipe_from_values
from distil.framework.recipe.sections import Tracking
from distil.launch.inspect import track_run
from distil.tracking import client, tracker
from distil.tracking.live import following
from distil.tracking.sent import is_sent
from distil.tracking.tracker import Sending
from tests.tiny import tiny_values
from tests.waiting import until

KEY = "0123456789abcdef0123456789abcdef01234567"
needs_tensorboard = pytest.mark.skipif(find_spec("tensorboard") is None, reason="tensorboard is not installed")
needs_wandb = pytest.mark.skipif(find_spec("wandb") is None, reason="wandb is not installed")


def _whole(run):
    run.add_model("student", "student", steps=10)
    run.evaluate("student")
    run.add_model("teacher", "teacher", steps=5)
    run.results["conclusions"] = ["The student is 3 points above nothing."]
    run.finish()


def _send(run, tracking, name, final=True):
    sending = Sending(name, run.folder, tracking)
    place = sending.send(final)
    sending.close()
    return place


class Counted:
    """A tracker that notes what it is told."""

    def __init__(self):
        self.place, self.told = "there", []

    def begin(self, shown):
        self.told.append(("begin", shown.name))

    def lines(self, part, lines):
        self.told += [("line", part.name, line.kind, line.step) for line in lines]

    def figures(self, part):
        self.told.append(("figures", part.name, part.figures.get("f1")))

    def table(self, shown):
        self.told.append(("table", [row[0] for row in shown.rows]))

    def files(self, name, files):
        self.told.append(("files", name, [file.name for file in files]))

    def close(self, state):
        self.told.append(("close", state))


@pytest.fixture
def counted(monkeypatch):
    """Stands in for TensorBoard."""
    one = Counted()
    monkeypatch.setattr(tracker, "TRACKERS", {"tensorboard": lambda folder, tracking, key: one})
    return one


def test_a_tracker_is_told_everything_once(run, counted):
    tracking = Tracking(also=["tensorboard"])
    run.add_model("student", "student", steps=7)
    _send(run, tracking, "tensorboard", final=False)
    run.write_history("student", 12)
    run.evaluate("student")
    folder = run.output / run.results["models"][0]["folder"]
    folder.mkdir()
    run.finish()
    _send(run, tracking, "tensorboard")
    again = len(counted.told)
    _send(run, tracking, "tensorboard")
    assert counted.told[again:] == [("close", "finished")]
    steps = [("line", "student", "step", step) for step in range(1, 13)]
    epochs = [("line", "student", "epoch", step) for step in (5, 10)]
    assert sorted(one for one in counted.told if one[0] == "line") == sorted(steps + epochs)
    name = run.results["run"]
    assert [one for one in counted.told if one[0] != "line"] == [
        ("begin", name),
        ("figures", "student", None),
        ("table", ["student"]),
        ("close", "running"),
        ("figures", "student", 70.5),
        ("table", ["student"]),
        ("files", f"{name}-results", ["recipe.yaml", "results.json", "results.md"]),
        ("files", f"{name}-student", ["model"]),
        ("close", "finished"),
        ("close", "finished"),
    ]


def test_what_every_tracker_has_got_is_known_without_it(run, counted):
    client.create_tables(run.output / "mlflow.db")  # for which nobody waits so long on a busy machine
    tracking = Tracking(log_models=False, also=["tensorboard"])
    _whole(run)
    with following(run.folder, tracking):
        pass
    assert is_sent(run.folder, tracking)
    (run.folder / "tensorboard" / "tracked.json").unlink()
    assert not is_sent(run.folder, tracking)


def test_what_a_tracker_fails_with_is_no_failure_of_the_run_nor_of_others(run, seen, counted, monkeypatch):
    def broken(shown):
        raise ValueError("no such table")

    monkeypatch.setattr(counted, "table", broken)
    _whole(run)
    said = []

    class Said:
        def say(self, message):
            said.append(message)

    with following(run.folder, Tracking(log_models=False, also=["tensorboard"]), Said()):
        pass
    (line,) = said
    assert line.startswith("tracking by tensorboard failed (no such table); the run goes on, results are on disk;")
    assert counted.told[-1] == ("close", "finished")
    assert len(seen().parents()) == 1


def test_sent_later_it_reaches_those_who_take_it(run, seen, counted, monkeypatch, capsys):
    def broken(shown):
        raise ValueError("no such table")

    monkeypatch.setattr(counted, "table", broken)
    run.results["recipe"]["tracking"] = {"log_models": False, "also": ["tensorboard"]}
    _whole(run)
    with pytest.raises(TrackingError, match=r"tracking by tensorboard failed \(no such table\)"):
        track_run(run.folder)
    assert counted.told[-1] == ("close", "finished")
    assert len(seen().parents()) == 1
    assert "to look at it: mlflow ui" in capsys.readouterr().out


def test_mlflow_is_left_out_where_the_recipe_says_so(run, counted, capsys, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    run.results["recipe"]["tracking"] = {"mlflow": False, "also": ["tensorboard"]}
    _whole(run)
    tracking = Tracking(**run.results["recipe"]["tracking"])
    with following(run.folder, tracking):
        pass
    assert counted.told[-1] == ("close", "finished")
    assert is_sent(run.folder, tracking)
    track_run(run.folder)
    assert capsys.readouterr().out.splitlines() == [f"{run.results['run']} is at there"]
    assert not (run.folder / "tracked.json").exists()
    assert not (run.output / "mlflow.db").exists()
    run.results["recipe"]["tracking"] = {"mlflow": False}
    run.save()
    with pytest.raises(
        UserError, match=r"not to be tracked, as tracking\.mlflow is false .* tracking\.mlflow=true sends"
    ):
        track_run(run.folder)


OWN = """
from asyncio import CancelledError

from distil.framework.config import Section
from distil.tracking.tracker import Tracker

class Told(Tracker):
    def __init__(self, path):
        self.place, self.path = str(path), path

    def lines(self, part, lines):
        with self.path.open("a") as file:
            file.writelines(f"{part.name} {line.kind} {line.step}\\n" for line in lines)

    def table(self, shown):
        if not self.path.with_suffix(".mended").exists():
            raise CancelledError("no such table")

class Own(Section):
    kind: str
    name: str = "told"

    def open(self, folder, tracking, key):
        return Told(folder / self.name)

class Late(Told):
    waiting = ()

    def lines(self, part, lines):
        self.waiting = [*self.waiting, (part, lines)]

    def table(self, shown):
        pass

    def close(self, state):
        if not self.path.with_suffix(".mended").exists():
            raise SystemExit("closed")
        for part, lines in self.waiting:
            super().lines(part, lines)

class OwnLate(Own):
    def open(self, folder, tracking, key):
        return Late(folder / self.name)
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "own_tracker.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_tracker", raising=False)
    return "own_tracker:Own"


def test_what_a_tracker_of_ones_own_raises_is_named_and_loses_nothing(run, own, tmp_path, capsys):
    run.results["recipe"]["tracking"] = {"mlflow": False, "also": [own]}
    _whole(run)
    tracking = Tracking(**run.results["recipe"]["tracking"])
    said = []

    class Said:
        def say(self, message):
            said.append(message)

    with following(run.folder, tracking, Said()):
        pass
    at = OWN.splitlines().index('            raise CancelledError("no such table")') + 1
    failed = f"tracking by own_tracker:Own failed in {tmp_path / 'own_tracker.py'}:{at} (CancelledError: no such table); the run goes on"
    assert said[0].startswith(failed)
    assert not is_sent(run.folder, tracking)
    with pytest.raises(TrackingError, match="no such table"):
        track_run(run.folder)
    (run.folder / "told.mended").touch()
    track_run(run.folder)
    assert is_sent(run.folder, tracking)
    assert capsys.readouterr().out.splitlines()[-1] == f"{run.results['run']} is at {run.folder / 'told'}"
    lines = (run.folder / "told").read_text().splitlines()
    assert len(lines) == len(set(lines)) == 10 + 2 + 5 + 1
    elsewhere = Tracking(mlflow=False, also=[{"kind": own, "name": "elsewhere"}])
    assert not is_sent(run.folder, elsewhere)
    (run.folder / "elsewhere.mended").touch()
    _send(run, elsewhere, elsewhere.also[0])
    assert (run.folder / "elsewhere").read_text().splitlines() == lines


def test_what_waited_for_a_close_that_failed_is_sent_again(run, own):
    run.results["recipe"]["tracking"] = {"mlflow": False, "also": [f"{own}Late"]}
    _whole(run)
    tracking = Tracking(**run.results["recipe"]["tracking"])
    with pytest.raises(TrackingError, match=r"failed in .*own_tracker\.py:\d+ \(SystemExit: closed\)"):
        track_run(run.folder)
    assert not is_sent(run.folder, tracking)
    (run.folder / "told.mended").touch()
    for _ in range(2):  # the second time there is nothing left
        track_run(run.folder)
        assert len((run.folder / "told").read_text().splitlines()) == 10 + 2 + 5 + 1
        assert is_sent(run.folder, tracking)


def test_a_tracker_of_ones_own_that_is_not_there_is_named(run, own, tmp_path):
    run.results["recipe"]["tracking"] = {"mlflow": False, "also": [own]}
    _whole(run)
    (tmp_path / "own_tracker.py").unlink()
    with pytest.raises(UserError, match=r"also\.0: cannot import 'own_tracker:Own'"):
        track_run(run.folder)


def test_trackers_decide_about_no_digest(own, tmp_path):
    plain, tracked = tiny_values(tmp_path), tiny_values(tmp_path, tracking={"also": [own]})
    assert recipe_from_values(tracked, "a").digest == recipe_from_values(plain, "a").digest


@needs_tensorboard
def test_tensorboard_shows_curves_figures_and_the_table(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    _whole(run)
    place = _send(run, Tracking(), "tensorboard")
    assert place == str(run.folder / "tensorboard")
    _send(run, Tracking(), "tensorboard")
    events = EventAccumulator(f"{place}/student").Reload()
    assert [(one.step, one.value) for one in events.Scalars("loss")] == [
        (step, pytest.approx(3 / step)) for step in range(1, 11)
    ]
    assert events.Scalars("loss")[3].wall_time == 1_700_000_001
    assert [one.step for one in events.Scalars("epoch/loss")] == [5, 10]
    assert [(one.step, one.value) for one in events.Scalars("final/russian/f1")] == [(0, 71.0)]
    assert [one.value for one in events.Scalars("table/f1")] == [70.5]
    begun = HParamsPluginData.FromString(events.PluginTagToContent("hparams")["_hparams_/session_start_info"])
    assert begun.session_start_info.hparams["lr"].number_value == 3e-05, "a number, by which one can sort"
    texts = EventAccumulator(place).Reload()
    (table,) = (one.tensor_proto.string_val[0].decode() for one in texts.Tensors("results/text_summary"))
    assert "| student | student |" in table
    assert table.endswith("The student is 3 points above nothing.")
    (recipe,) = (one.tensor_proto.string_val[0].decode() for one in texts.Tensors("recipe/text_summary"))
    assert "lr: 3.0e-05" in recipe or "lr: 3e-05" in recipe


@needs_wandb
def test_wandb_gets_curves_figures_the_table_and_files_and_no_file_holds_the_key(run, monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    for kind in ("DATA", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"WANDB_{kind}_DIR", str(tmp_path / kind))
    _whole(run)
    folder = run.output / run.results["models"][0]["folder"]
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    place = _send(run, Tracking(experiment="мои опыты", also=["wandb"]), "wandb")
    assert place == str(run.folder / "wandb")
    found = _ended(run.folder)
    start = next(one.run for one in found if one.HasField("run"))
    assert (start.display_name, start.project) == (run.folder.name, "мои опыты")
    assert (
        start.run_id
        == json.loads((run.folder / "wandb" / "tracked.json").read_text())["destinations"]["wandb"]["parent"]["key"]
    )
    rows = [_items(one.history.item) for one in found if one.HasField("history")]
    assert [row["student/loss"] for row in rows if "student/loss" in row] == [3 / step for step in range(1, 11)]
    assert [row["student/step"] for row in rows if "student/epoch/loss" in row] == [5, 10]
    summary = {
        key: value for one in found if one.HasField("summary") for key, value in _items(one.summary.update).items()
    }
    assert (summary["student/f1"], summary["student/russian/f1"]) == (70.5, 71.0)
    assert any(key.startswith("models") for row in rows for key in row)
    kinds = {one.artifact.type for one in found if one.HasField("artifact")}
    kinds |= {one.request.log_artifact.artifact.type for one in found if one.HasField("request")}
    assert {"model", "results"} <= kinds
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


def _ended(folder):
    """The messages of a run that has ended: W&B's own process writes on for a moment."""
    until(lambda: any(one.HasField("exit") for one in _records(folder)))
    return _records(folder)


def _records(folder):
    """What an offline run wrote, as its messages: a file in the form of LevelDB's log, in blocks of 32 KiB."""
    from wandb.proto import wandb_internal_pb2

    found, message = [], b""
    for path in folder.glob("wandb/offline-run-*/*.wandb"):
        content = path.read_bytes()
        at = 7  # the file's own header
        while at + 7 <= len(content):
            left = 32768 - at % 32768
            length, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
            if left < 7 or kind == 0:
                at += left
                continue
            if at + 7 + length > len(content):
                break  # it is being written
            message += content[at + 7 : at + 7 + length]
            at += 7 + length
            if kind in (1, 4):  # whole, or the last piece
                record = wandb_internal_pb2.Record()
                record.ParseFromString(message)
                found.append(record)
                message = b""
    return found


def _items(items):
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}
