"""MLflow's databases in tests: copies of one that MLflow has created, for which it takes seconds; commands that are forked take them, too."""

import os
import shutil
from pathlib import Path

from distil.tracking import client

create_tables = client.create_tables  # MLflow's own way


def copy_from(folder: Path) -> None:
    """Have each database copied from one in this folder, which is created when the first is wanted."""
    made = folder / "mlflow.db"

    def copied(database: Path) -> None:
        if not made.exists():
            new = folder / f"{os.getpid()}.db"  # processes may come here together
            create_tables(new)
            new.replace(made)
        shutil.copyfile(made, database)

    client.create_tables = copied
