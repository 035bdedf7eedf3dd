"""Keeping the steps and warnings that exporters print off the screen."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout


@contextmanager
def without_chatter() -> Iterator[None]:
    """Drop what is printed, and what is logged below an error."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)
