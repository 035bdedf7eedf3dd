"""A run that was killed does not count as running for ever."""

import json
import os
import subprocess
import sys
from pathlib import Path

from pydantic import BaseModel

from framework.alone import alone_in, true_state
from framework.outcome import read_outcome
from framework.search.log import SEARCH

RESULTS = "results.json"


class Anything(BaseModel):
    """No shape at all."""


def test_a_run_whose_process_is_gone_has_failed(tmp_path: Path) -> None:
    assert true_state(tmp_path, "running") == "running"  # of another version, perhaps: nothing is known
    with alone_in(tmp_path):
        assert true_state(tmp_path, "running") == "running"
    code = "import os, sys; from pathlib import Path; from framework.alone import alone_in\nwith alone_in(Path(sys.argv[1])): os._exit(7)"
    assert subprocess.run([sys.executable, "-c", code, os.fspath(tmp_path)]).returncode == 7
    assert true_state(tmp_path, "running") == "failed"
    assert true_state(tmp_path, "finished") == "finished"

    for name in (RESULTS, SEARCH):
        (tmp_path / name).write_text(json.dumps({"format": 1, "state": "running"}))
        assert read_outcome(tmp_path / name, Anything, "")["state"] == "failed"
