"""Does it pay to stop trials early? recipes/search_quickstart.yaml with ASHA and without, the same trials in both.

    .venv/bin/python tests/benchmarks/schedulers.py [--seeds 3] [--output FOLDER] [place=value ...]

Every seed draws its own trials, at random, and its own students; two trials run at once, of one thread each. The teacher is
trained and asked once for all. Compared is the time until a search first has a finished trial that is as good as the best
that both searches find (the smaller of the two bests), counted from the beginning of the first trial.
"""

import argparse
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from distil.framework.files import read_json
from distil.framework.recipe.load import load_recipe
from distil.framework.run import run_shared
from distil.framework.search.recipes import trial_recipe
from distil.launch.quiet import be_quiet, quiet_transformers
from tests.searching import finish, start

RECIPE = Path("recipes/search_quickstart.yaml")
SCHEDULERS = {"none": "{kind: none}", "asha": "{kind: asha, grace: 2}"}


@dataclass(frozen=True)
class Searched:
    """A search that has ended. finished: seconds and F1 of every finished trial, in the order of time; pruned: how many."""

    finished: list[tuple[float, float]]
    pruned: int
    seconds: float

    @property
    def best(self) -> float:
        """The best F1."""
        return max(f1 for _, f1 in self.finished)

    def until(self, f1: float) -> float:
        """Seconds until a trial was that good."""
        return min(seconds for seconds, found in self.finished if found >= f1)


def main() -> None:
    """Search with all seeds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=None)
    parser.add_argument("overrides", nargs="*")
    arguments = parser.parse_args()
    be_quiet()
    quiet_transformers()
    output = arguments.output or Path(tempfile.mkdtemp(prefix="schedulers-"))
    overrides = ["search.searcher={kind: random}", "search.concurrent=2", "evaluation.latency_questions=0"]
    overrides += arguments.overrides
    run_shared(trial_recipe(load_recipe(RECIPE, [f"output={output}", *overrides]), {}, 0))

    print("| seed | best F1, none / ASHA | pruned | whole search, s | until the same F1, s | none ÷ ASHA |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    ratios = []
    for seed in range(arguments.seeds):
        names = list(SCHEDULERS) if seed % 2 == 0 else list(reversed(SCHEDULERS))
        found = {name: _search(name, seed, output, overrides) for name in names}
        none, asha = found["none"], found["asha"]
        same = min(none.best, asha.best)
        times = none.until(same), asha.until(same)
        ratios.append(times[0] / times[1])
        print(
            f"| {seed} | {none.best:.2f} / {asha.best:.2f} | {asha.pruned} | {none.seconds:.0f} / {asha.seconds:.0f} | "
            f"{times[0]:.1f} / {times[1]:.1f} | {ratios[-1]:.2f} |",
            flush=True,
        )
    spread = f"± {stdev(ratios):.2f} (standard deviation)" if len(ratios) > 1 else ""
    print(f"none ÷ ASHA: mean {mean(ratios):.2f} {spread}, {min(ratios):.2f} to {max(ratios):.2f}, n = {len(ratios)}")


def _search(scheduler: str, seed: int, output: Path, overrides: list[str]) -> Searched:
    """Search in a folder of its own, in which nothing but the teacher and what it has said is there before."""
    folder = output / f"{scheduler}-{seed}"
    shutil.copytree(output / "store", folder / "store")
    places = [
        *overrides,
        f"output={folder}",
        f"search.scheduler={SCHEDULERS[scheduler]}",
        f"search.searcher.seed={seed}",
        f"student.seed={seed}",
    ]
    process, ends = start("search", RECIPE, *places), dict[int, float]()
    began: float | None = None
    assert process.stdout is not None
    for line in process.stdout:
        number, state = [*line.split()[:2], "", ""][:2]
        if began is None and state == "running":
            began = time.monotonic()
        if began is not None and state == "finished":
            ends[int(number)] = time.monotonic() - began
    finish(process)
    assert began is not None
    (path,) = folder.glob("*/search.json")
    search = read_json(path)
    finished = [(seconds, search["trials"][number]["metrics"]["f1"]) for number, seconds in ends.items()]
    states = [trial["state"] for trial in search["trials"]]
    return Searched(finished, states.count("pruned"), search["seconds"])


if __name__ == "__main__":
    main()
