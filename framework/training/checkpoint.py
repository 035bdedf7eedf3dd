"""Checkpoints from which training goes on exactly where it was."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framework.files import read_json, write_json
from framework.training.meter import Meter
from framework.training.random_state import random_state, set_random_state


@dataclass(frozen=True)
class Position:
    """How far a training is: optimizer steps done, and seconds spent."""

    step: int
    seconds: float


def save_checkpoint(engine: Any, meter: Meter, folder: Path, position: Position, rank: int) -> None:
    """Save the engine, the meter and the random state of every worker; all workers have to call this together.

    `latest.json` is written last, so that a checkpoint is either whole or not there.
    """
    import torch
    import torch.distributed as dist

    tag = f"step-{position.step}"
    engine.save_checkpoint(str(folder), tag=tag, save_latest=False)
    torch.save({"random": random_state(), "meter": meter.state()}, folder / tag / f"worker-{rank}.pt")
    dist.barrier()
    if rank == 0:
        write_json(folder / "latest.json", {"tag": tag, "step": position.step, "seconds": position.seconds})
        for old in folder.glob("step-*"):
            if old.name != tag:
                shutil.rmtree(old, ignore_errors=True)
    dist.barrier()


def load_checkpoint(engine: Any, meter: Meter, folder: Path, rank: int) -> Position:
    """Bring all to where the latest checkpoint in `folder` is; without one, this is the beginning."""
    import torch

    latest = folder / "latest.json"
    if not latest.exists():
        return Position(0, 0.0)
    found = read_json(latest)
    engine.load_checkpoint(str(folder), tag=found["tag"])
    # Written by this very training, so that a pickle is safe; random states are more than tensors.
    state = torch.load(folder / found["tag"] / f"worker-{rank}.pt", weights_only=False)
    set_random_state(state["random"])
    meter.resume(state["meter"])
    return Position(int(found["step"]), float(found["seconds"]))
