"""Whether trackers have got a run already, told without them."""

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

from distil.framework.errors import StoreError
from distil.framework.recipe.sections import Tracking
from distil.tracking.client import Destination, destination_of, is_tracked
from distil.tracking.ledger import CURSOR, Ledger, ledger_of

_RUN = "SELECT 1 FROM runs WHERE run_uuid = ? AND lifecycle_stage = 'active'"


def is_sent(run_folder: Path, tracking: Tracking) -> bool:
    """Whether MLflow's destination and the other trackers that `tracking` names have got all of the run in `run_folder`, or nothing is to
    be sent; a server is believed to have kept it.

    Raises UserError as `destination_of` and `is_tracked` do.
    """
    whole = whole_of(run_folder, tracking)
    try:
        others = [ledger_of(run_folder, one).cursor for one in tracking.also]
        if any(one.whole != whole for one in others) or not is_tracked(tracking):
            return all(one.whole == whole for one in others)
        destination = destination_of(tracking, run_folder.absolute().parent)
        cursor = Ledger(run_folder / CURSOR, destination.key).cursor
    except StoreError:  # of which sending says more
        return False
    run = cursor.parent.run_id
    return run is not None and cursor.whole == whole and _keeps(destination, run)


def whole_of(run_folder: Path, tracking: Tracking) -> str:
    """A digest of what a run, or a search, has to send once it has ended."""
    asked = (tracking.log_models, tracking.register, tracking.alias, tracking.report)
    hasher = hashlib.blake2b(f"{asked}".encode(), digest_size=8)
    own = ("recipe.yaml", "results.json", "results.md", "search.json", "predictions/*", "cards/*", "exports/*/*")
    for path in sorted(path for pattern in own for path in run_folder.glob(pattern) if path.is_file()):
        hasher.update(f"{path.relative_to(run_folder)}\0".encode())
        hasher.update(hashlib.blake2b(path.read_bytes()).digest())
    return hasher.hexdigest()


def _keeps(destination: Destination, run: str) -> bool:
    """Whether the destination's database, if that is a file here, still has the run."""
    if destination.database is None:
        return True
    try:
        with closing(sqlite3.connect(f"{destination.database.as_uri()}?mode=ro", uri=True)) as database:
            return database.execute(_RUN, (run,)).fetchone() is not None
    except sqlite3.Error:  # none, or of another version
        return False
