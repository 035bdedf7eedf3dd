"""How much of a GPU does distil use?

    .venv/bin/python tests/benchmarks/gpu.py [--only speed,teacher] [--budget 900] [--to gpu.json]
    .venv/bin/python tests/benchmarks/gpu.py --cpu-dry-run

peak      matrix products, a DistilBERT's too, and a copy: what the card gives
speed     a DistilBERT with stored signals, and on labels alone: windows a second, share of the peak, what a step launches and waits for
variants  the same with DeepSpeed, with ZeRO, with packing, with compiled layers and with CUDA graphs: what each costs
ideal     the same as a plain loop of PyTorch over batches that lie on the device
teacher   a BERT-base that is asked about questions, and its forward passes alone

Each part runs in a process of its own, after `peak`; one that fails or takes too long stops no other. Weights are random, texts
generated, about as long as SberQuAD's, whose 45,328 questions are what is extrapolated to. --cpu-dry-run: everything in
miniature on a CPU, to see that it runs.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import traceback
from importlib.metadata import version
from pathlib import Path
from typing import Any

from distil.launch.quiet import be_quiet, quiet_transformers
from tests.benchmarks.gpu_card import Card, peak
from tests.benchmarks.gpu_student import ideal, speed, variants
from tests.benchmarks.gpu_teacher import teacher

PARTS = {"peak": peak, "speed": speed, "variants": variants, "ideal": ideal, "teacher": teacher}
_LEAST = 20  # seconds of the budget without which no part is begun


def main() -> None:
    """Run the parts in turn, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), help="names of parts, with commas between")
    parser.add_argument("--budget", type=float, default=900.0, help="seconds for all parts")
    parser.add_argument("--to", type=Path, help="a JSON file with all that was measured")
    parser.add_argument("--cpu-dry-run", action="store_true")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part is not None:
        _run(arguments.part, Card(arguments.folder, arguments.cpu_dry_run))
        return
    wanted = arguments.only.split(",")
    if unknown := [name for name in wanted if name not in PARTS]:
        parser.error(f"no part is called {', '.join(unknown)}; there are {', '.join(PARTS)}")
    folder = Path(tempfile.mkdtemp(prefix="gpu-"))
    until = time.monotonic() + arguments.budget
    found: dict[str, Any] = {"versions": {name: version(name) for name in ("torch", "transformers", "tokenizers")}}
    for name in dict.fromkeys(["peak", *wanted]):
        found[name] = _started(name, folder, arguments.cpu_dry_run, until - time.monotonic())
        if arguments.to is not None:
            arguments.to.write_text(json.dumps(found, indent=1))
    print(
        f"\nPython {sys.version.split()[0]}, " + ", ".join(f"{name} {one}" for name, one in found["versions"].items())
    )
    for name in PARTS:
        for row in found.get(name, []):
            print(f"{name:9s} {_line(row)}")


def _started(name: str, folder: Path, dry: bool, seconds: float) -> list[dict[str, Any]]:
    """Run a part in a process of its own, for so long at most; its rows."""
    if seconds < _LEAST:
        return [{"skipped": "the budget is spent"}]
    print(f"{name} …", flush=True)
    command = [sys.executable, __file__, "--part", name, "--folder", str(folder), *(["--cpu-dry-run"] if dry else [])]
    try:
        ended = subprocess.run(command, timeout=seconds, check=False).returncode
    except subprocess.TimeoutExpired:
        ended = None
    path = folder / f"{name}.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
    if ended != 0:
        rows.append({"error": "it took too long" if ended is None else f"its process ended with {ended}"})
    return rows


def _run(name: str, card: Card) -> None:
    """The rows of a part, each into the part's file as soon as it is there."""
    be_quiet()
    quiet_transformers()
    rows: list[dict[str, Any]] = []
    try:
        for row in PARTS[name](card):
            rows.append(row)
            (card.folder / f"{name}.json").write_text(json.dumps(rows))
            print(f"    {_line(row)}", flush=True)
    except Exception:
        traceback.print_exc()
        sys.exit(1)


def _line(row: dict[str, Any]) -> str:
    shown = (f"{value:.4g}" if isinstance(value, float) else str(value) for value in row.values())
    return ", ".join(f"{name} {value}" for name, value in zip(row, shown, strict=True))


if __name__ == "__main__":
    main()
