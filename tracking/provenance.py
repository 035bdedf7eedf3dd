"""Where results come from: code, machine and versions."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version

from distil.framework.outcome import Provenance

PACKAGES = (
    "multi-teacher-distil",
    "torch",
    "transformers",
    "tokenizers",
    "datasets",
    "deepspeed",
    "ray",
    "mlflow",
    "numpy",
    "onnxruntime",
)


def provenance() -> Provenance:
    """Git state of the current directory, Python, machine, device and versions, as JSON-like data.

    `git_commit` and `git_dirty` are None outside a repository and without git; untracked files are dirt.
    `device` is the name of the first CUDA device, else "cpu". Packages that are not installed are left out.
    """
    commit = _git("rev-parse", "HEAD")
    status = _git("status", "--porcelain") if commit else None
    return {
        "git_commit": commit,
        "git_dirty": None if status is None else bool(status),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "device": _device(),
        "versions": {name: found for name in PACKAGES if (found := _version(name)) is not None},
    }


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _device() -> str:
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else "cpu"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
