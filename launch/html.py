"""`distil report --html`: a run or a search as a page."""

from pathlib import Path

from framework.errors import OutputError
from framework.files import write_atomic
from framework.search.log import SEARCH
from launch.inspect import results_of
from launch.quiet import be_quiet

_PAGE = "report.html"


def write_html(run: Path, to: Path | None) -> None:
    """Write the page of the run or search in `run` to a file, by default in that folder. Raises OutputError or StoreError."""
    be_quiet()
    from tracking.html.page import run_page, search_page

    path = run / _PAGE if to is None else to
    if path.is_dir():
        raise OutputError(f"{path} is a folder; name another file with --to FILE")
    page = search_page(run) if (run / SEARCH).is_file() else run_page(run, results_of(run))
    try:
        write_atomic(path, page)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; name another file with --to FILE") from None
    print(f"the page is {path}")
