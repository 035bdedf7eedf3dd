"""A GGUF file for llama.cpp: its own script makes one, of models and tokenizers that it knows, and transformers reads it again, so that what it is
worth is measured as of the other forms."""

import os
import shutil
import subprocess
import sys
from contextlib import redirect_stderr
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from distil.framework.errors import ModelError, UserError, first_line, reason

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FILE = "model-q8_0.gguf"
_KIND = "q8_0"  # 8 bits a weight, in blocks that have a scale each
_SCRIPT = "convert_hf_to_gguf.py"


def converter_of(given: str) -> Path:
    """The script of this path, or of this name on PATH or beside this Python. Raises UserError if there is none, or nothing that reads what it
    makes."""
    places = os.pathsep.join([os.environ.get("PATH", ""), str(Path(sys.executable).parent)])
    named = shutil.which(given, path=places) if os.path.basename(given) == given else None
    found = Path(given).expanduser() if named is None else Path(named)
    if not found.is_file():
        raise UserError(
            f"--gguf: there is no {given}: give the path of {_SCRIPT} in a clone of llama.cpp, which makes GGUF files, or its name where it is on PATH"
        )
    if find_spec("gguf") is None:
        raise UserError("--gguf takes the package gguf, by which the file is written and read: pip install gguf")
    return found


def write_gguf(converter: Path, folder: Path, path: Path) -> None:
    """Have the converter make `path` of the model in `folder`. Raises ModelError in its words where it cannot."""
    script = [sys.executable, str(converter)] if converter.suffix == ".py" else [str(converter)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    try:
        done = subprocess.run(
            [*script, str(folder), "--outfile", str(path), "--outtype", _KIND],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=environment,
            check=False,
        )
    except OSError as error:
        raise ModelError(f"{converter} is no program that can be run ({reason(error)})") from None
    if done.returncode or not path.is_file():
        said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()] or ["nothing"]
        raise ModelError(f"{converter.name} makes no GGUF file of this model: it ends with {said[-1].strip()[:300]!r}")


def open_gguf(path: Path) -> "PreTrainedModel":
    """The model in a file, its weights as float32. Raises ModelError for one that transformers does not read."""
    import torch
    from transformers import AutoModelForCausalLM

    try:
        with redirect_stderr(StringIO()):  # a bar that nothing else silences
            return AutoModelForCausalLM.from_pretrained(
                str(path.parent), gguf_file=path.name, dtype=torch.float32, trust_remote_code=False
            ).eval()
    except Exception as error:  # what it raises of a family that it does not know is of several kinds
        raise ModelError(f"{path.name} was made, and transformers cannot read it: {first_line(error)}") from None
