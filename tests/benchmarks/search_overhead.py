"""What does a trial cost beyond its training? A search of short trials of one worker, one after the other; or how busy does a search
keep the cores, with several at once?

    .venv/bin/python -m tests.benchmarks.search_overhead [--trials 9] [--questions 480] [--epochs 5] [--output FOLDER]
    .venv/bin/python -m tests.benchmarks.search_overhead --trials 12 --concurrent 2

A trial lasts from the end of the one before to its own end; what is beyond its `training_seconds` is overhead, with the
student's evaluation and latency and without. Training begins when the first batch can, and includes the measurements
after each epoch. The first trial, which also starts a process and imports, is left out of the medians. Of several at once: the time
of all trials, from the cluster's being there to the last one's end, divided by the sum of their training over the places.
"""

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from distil.framework.files import read_json
from tests.searching import finish, recipe_file, search_of, start

COLUMNS = ("trial", "whole", "training", "evaluation", "overhead", "overhead without evaluation")


def main() -> None:
    """Search, then print a row for each trial and the medians of all but the first, in seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=9)
    parser.add_argument("--questions", type=int, default=480)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--concurrent", type=int, default=1)
    parser.add_argument("--output", type=Path, default=None)
    arguments = parser.parse_args()
    recipe = _recipe(arguments)
    if arguments.concurrent > 1:
        _print_together(recipe, arguments.concurrent)
        return
    ends = _ends(recipe)
    folder, search = search_of(recipe)
    rows = [_row(trial, ends, folder.parent) for trial in search["trials"]]
    print("| " + " | ".join(COLUMNS) + " |\n|" + " ---: |" * len(COLUMNS))
    for number, row in enumerate(rows):
        print(f"| {number} | " + " | ".join(f"{seconds:.2f}" for seconds in row) + " |")
    print("| median | " + " | ".join(f"{median(column):.2f}" for column in zip(*rows[1:], strict=True)) + " |")


def _recipe(arguments: argparse.Namespace) -> Path:
    search = {
        "space": {"student.lr": {"kind": "log_uniform", "low": 1e-4, "high": 1e-2}},
        "searcher": {"kind": "random"},
        "scheduler": {"kind": "none"},
        "trials": arguments.trials,
        "concurrent": arguments.concurrent,
    }
    return recipe_file(
        arguments.output or Path(tempfile.mkdtemp(prefix="overhead-")),
        search=search,
        data__source__examples={"train": arguments.questions, "validation": 24},
        student__epochs=arguments.epochs,
    )


def _print_together(recipe: Path, places: int) -> None:
    finish(start("search", recipe))
    _, search = search_of(recipe)
    training = [trial["metrics"]["training_seconds"] for trial in search["trials"]]
    ideal = sum(training) / places
    print(
        "| trials | at once | all trials, s | training of one, s | / ideal | idle |\n| ---: | ---: | ---: | ---: | ---: | ---: |"
    )
    print(
        f"| {len(training)} | {places} | {search['seconds']:.1f} | {median(training):.1f} | {search['seconds'] / ideal:.2f} | "
        f"{search['idle']:.0%} |"
    )


def _ends(recipe: Path) -> list[float]:
    """When each trial began or ended, as seconds since the epoch: the first one's beginning, then every end."""
    process, ends = start("search", recipe), list[float]()
    assert process.stdout is not None
    for line in process.stdout:
        state = line.split()[1:2]
        if state == ["finished"] or (state == ["running"] and not ends):
            ends.append(time.time())
    finish(process)
    return ends


def _row(trial: dict[str, Any], ends: list[float], output: Path) -> tuple[float, ...]:
    """The seconds of COLUMNS, but for the number."""
    number, training = trial["number"], trial["metrics"]["training_seconds"]
    trained = read_json(output / "store" / "models" / trial["seeds"][0]["digest"] / "manifest.json")
    (measured,) = (
        manifest
        for manifest in map(read_json, output.glob("store/evaluations/*/manifest.json"))
        if manifest["inputs"]["model"] == trained["digest"]
    )
    whole, evaluation = ends[number + 1] - ends[number], measured["finished"] - trained["finished"]
    return whole, training, evaluation, whole - training, whole - training - evaluation


if __name__ == "__main__":
    main()
