"""What does a killed process cost? Small searches and runs, each left alone once and killed once, by SIGKILL.

    .venv/bin/python tests/benchmarks/faults.py [--only WORD] [--output FOLDER]

All commands join one Ray cluster, which goes on when they end, so that what they leave there can be counted. A process is
killed while a student is trained, after a checkpoint. For the last row that is a whole node of a cluster of two, which share
no disk but a storage. Printed is a table, with these columns:

- results repeated: finished results, such as trials, that were made anew;
- steps repeated: optimizer steps between the checkpoint and the step that training had come to;
- files lost: files of the store that the same command leaves when it is left alone;
- seconds: from the kill until training was beyond the step that it had come to, with whatever it takes to start again;
- equal: whether all weights, answers and metrics are, bit for bit, those of the command that was left alone;
- processes and placement groups left behind when the command has ended.
"""

import argparse
import hashlib
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distil.framework.files import read_json, read_json_lines
from tests.clusters import Node, cluster
from tests.processes import groups_left, joined, lasting_cluster, left_by, ray_workers, workers_left
from tests.searching import finish, recipe_file, start

Process = subprocess.Popen[str]
SEARCH = {
    "space": {"student.lr": {"kind": "log_uniform", "low": 1e-4, "high": 1e-2}},
    "searcher": {"kind": "random"},
    "scheduler": {"kind": "none"},
    "trials": 2,
    "concurrent": 1,
}
COMMON = {
    "data__source__examples": {"train": 320, "validation": 24},
    "student__epochs": 4,
    "student__checkpoint_every": 8,
    "student__log_every": 1,
    "baselines": None,
}
TEACHERLESS: dict[str, Any] = {"teachers": None, "losses": {"hard_label": {}}}
ALONE: dict[str, dict[str, Any]] = {
    "search": {"search": SEARCH},
    "search of two workers": {"search": SEARCH, "engine__workers": 2, **TEACHERLESS},
    "streamed run": {"search": None, "signals": {"mode": "streamed", "ahead": 1}},
    "run of two workers": {"search": None, "engine__workers": 2, **TEACHERLESS},
}


@dataclass(frozen=True)
class Case:
    """A kill. of: the command, a key of ALONE; before: models that are finished before the one during whose training it
    happens; resumed: whether `distil resume` has to follow."""

    killed: str
    of: str
    before: int
    kill: Callable[[Process], None]
    resumed: bool = False


def worker(name: str) -> Callable[[Process], None]:
    """Kills one of Ray's workers."""

    def kill(process: Process) -> None:
        ray_workers(name)[0].kill()

    return kill


CASES = [
    Case("worker of a trial", "search", 2, worker("ImplicitFunc")),
    Case("rank 1 of a trial", "search of two workers", 1, worker("_Peer")),
    Case("driver of a search, then resumed", "search", 2, subprocess.Popen.kill, resumed=True),
    Case("teacher of a streamed run", "streamed run", 1, worker("StreamingTeacher")),
    Case("worker of a run of two", "run of two workers", 0, worker("RayTrainWorker")),
]
NODE = "node of a search"
COLUMNS = (
    "killed",
    "at step",
    "results repeated",
    "steps repeated",
    "files lost",
    "seconds",
    "equal",
    "processes left",
    "placement groups left",
)


def main() -> None:
    """Run all cases and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="only what is killed whose name contains this")
    parser.add_argument("--output", type=Path, default=None)
    arguments = parser.parse_args()
    output = arguments.output or Path(tempfile.mkdtemp(prefix="faults-"))
    print("| " + " | ".join(COLUMNS) + " |\n|" + " --- |" * len(COLUMNS), flush=True)
    with lasting_cluster():
        for number, case in enumerate(CASES):
            if arguments.only in case.killed:
                _show(_row(case, _alone(case.of, output), output / f"killed-{number}"))
        alone = _alone("search", output) if arguments.only in NODE else None
    if alone is not None:
        _show(_row_of_node(alone, output / "killed-node"))


def _show(cells: list[str]) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


def _alone(of: str, output: Path) -> Path:
    """The store of a command that nobody disturbs."""
    folder = output / of.replace(" ", "-")
    if not folder.exists():
        finish(_start(of, folder))
    return folder / "runs" / "store"


def _start(of: str, folder: Path, **more: Any) -> Process:
    changes = {**COMMON, **ALONE[of], **more}
    return start("run" if changes["search"] is None else "search", recipe_file(folder, **changes))


def _row(case: Case, alone: Path, folder: Path) -> list[str]:
    process, store = _start(case.of, folder), folder / "runs" / "store"
    model = _in_training(store, case.before)
    case.kill(process)
    killed, finished = time.monotonic(), _manifests(store)
    if case.resumed:
        process.wait(timeout=60)
        assert left_by(process) == []
        (run,) = folder.glob("runs/found-*")
        process = start("resume", run)
    step, repeated, seconds = _recovery(model, killed)
    finish(process)  # which sees to it that the command leaves no process
    after = _manifests(store)
    expected, found = _outcome(alone), _outcome(store)
    return [
        case.killed,
        str(step),
        str(sum(after[path] != manifest for path, manifest in finished.items())),
        str(repeated),
        str(len(_files(alone) - _files(store))),
        f"{seconds:.1f}",
        "yes" if found == expected else "no",
        str(len(workers_left())),
        str(len(groups_left())),
    ]


def _row_of_node(alone: Path, folder: Path) -> list[str]:
    """As _row, for a node. What is known is in the storage; each node notes the steps of the trainings that it has."""
    store = folder / "shared" / "store"
    with cluster(folder, 2) as (address, nodes), joined(address):
        process = _start("search", folder / "driver", storage=f"file://{folder}/shared")
        node, model = _node_in_training(nodes, store)
        node.kill()
        killed, finished, step = time.monotonic(), _manifests(store), _step(model)
        kept = read_json(store / "models" / model.name / "checkpoints" / "latest.json")["step"]
        (other,) = (one for one in nodes if one is not node)
        goes_on = f"*/store/models/{model.name}"
        while process.poll() is None and not any(_step(found) > step for found in other.cache.glob(goes_on)):
            time.sleep(0.005)
        seconds = time.monotonic() - killed
        finish(process)
        groups, workers = len(groups_left()), len(workers_left())
    after = _manifests(store)
    return [
        NODE,
        str(step),
        str(sum(after[path] != manifest for path, manifest in finished.items())),
        str(step - kept),
        str(len(_files(alone) - _files(store))),
        f"{seconds:.1f}",
        "yes" if _outcome(store) == _outcome(alone) else "no",
        str(workers),
        str(groups),
    ]


def _node_in_training(nodes: list[Node], store: Path) -> tuple[Node, Path]:
    """Wait until the first student is some steps beyond a checkpoint; returns the node that trains it and its folder there."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        for node in nodes:
            for latest in node.cache.glob("*/store/models/*/checkpoints/latest.json"):
                model, known = latest.parents[1], store / "models" / latest.parents[1].name / "checkpoints/latest.json"
                if known.exists() and _step(model) >= read_json(known)["step"] + 3:
                    return node, model
        time.sleep(0.005)
    raise SystemExit("no node has trained anything within 300 s")


def _in_training(store: Path, before: int) -> Path:
    """Wait until a student is some steps beyond a checkpoint, with so many models finished; returns its folder."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if len(list(store.glob("models/*/manifest.json"))) == before:
            for latest in store.glob("models/*/checkpoints/latest.json"):
                model = latest.parents[1]
                if not (model / "manifest.json").exists() and _step(model) >= read_json(latest)["step"] + 3:
                    return model
        time.sleep(0.005)
    raise SystemExit(f"nothing was trained in {store} within 300 s")


def _recovery(model: Path, killed: float) -> tuple[int, int, float]:
    """The step at which training stood still, the steps that it repeated, and the seconds from `killed` until it was beyond.

    Training may go on for some steps before it misses a process, and whoever notes them may be behind: it stood still
    where it took the longest to reach a new step.
    """
    highest, lowest, since = _step(model), _step(model), killed
    found, longest = (highest, 0, 0.0), 0.0
    while not (model / "manifest.json").exists():
        step, now = _step(model), time.monotonic()
        lowest = min(lowest, step)
        if step > highest:
            if now - since > longest:
                longest, found = now - since, (highest, highest - lowest, now - killed)
            highest, lowest, since = step, step, now
        time.sleep(0.005)
    return found


def _step(model: Path) -> int:
    """The last step that a training has noted."""
    history = model / "history.jsonl"
    return int(read_json_lines(history)[-1]["step"]) if history.exists() and history.stat().st_size else 0


def _manifests(store: Path) -> dict[str, str]:
    return {str(path.relative_to(store)): path.read_text() for path in store.glob("*/*/manifest.json")}


def _files(store: Path) -> set[str]:
    """All that is kept. Ray's own files bear names that never come twice."""
    files = (path.relative_to(store) for path in store.rglob("*") if path.is_file())
    return {
        str(path) for path in files if "ray" not in path.parts and not path.name.endswith((".lock", ".owner", ".mark"))
    }


def _outcome(store: Path) -> dict[str, Any]:
    """All weights, answers and metrics."""
    files = [*store.glob("models/*/model/model.safetensors"), *store.glob("evaluations/*/predictions.json")]
    found: dict[str, Any] = {
        str(path.relative_to(store)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }
    for path in store.glob("evaluations/*/manifest.json"):
        found[str(path.relative_to(store))] = read_json(path)["facts"]["evaluation"]
    return found


if __name__ == "__main__":
    main()
