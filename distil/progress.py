"""Progress of a run in Python: bars, or whatever a function of the caller's makes of it."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from distil.framework.errors import UserError
from distil.framework.progress import SILENT, Progress, Task

if TYPE_CHECKING:
    from tqdm import tqdm


@dataclass(frozen=True)
class Step:
    """What is going on: `done` of `total` units of `text` ("train student"), with figures such as the loss; a line that is only said has
    total 0."""

    text: str
    done: float = 0
    total: float = 0
    unit: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)


Watch: TypeAlias = bool | Callable[[Step], object]


def progress_of(watch: Watch) -> Progress:
    """True: bars, of widgets in a notebook; False: nothing; a function: it is called with every step, and what it raises ends the
    run, which can go on later. Raises UserError for anything else."""
    if callable(watch):
        return _Told(watch)
    if not isinstance(watch, bool):
        raise UserError(f"progress: expected True, False or a function, found {watch!r:.80}")
    return _Bars() if watch else SILENT


class _Bars:
    @contextmanager
    def task(self, description: str, total: float, unit: str = "examples") -> Iterator[Task]:
        """See Progress."""
        with _tqdm()(total=total, desc=description, unit=f" {unit}", leave=False) as bar:
            yield _Bar(bar)

    def say(self, message: str) -> None:
        """See Progress: above the bars."""
        _tqdm().write(message)


class _Bar:
    def __init__(self, bar: "tqdm[object]") -> None:
        self._bar = bar

    def advance(self, count: float = 1, **figures: float) -> None:
        """See Task."""
        if figures:
            self._bar.set_postfix(figures, refresh=False)
        self._bar.update(count)


class _Told:
    def __init__(self, tell: Callable[[Step], object]) -> None:
        self._tell = tell

    @contextmanager
    def task(self, description: str, total: float, unit: str = "examples") -> Iterator[Task]:
        """See Progress."""
        self._tell(Step(description, 0, total, unit))
        yield _ToldTask(self._tell, description, total, unit)

    def say(self, message: str) -> None:
        """See Progress."""
        self._tell(Step(message))


class _ToldTask:
    def __init__(self, tell: Callable[[Step], object], text: str, total: float, unit: str) -> None:
        self._tell, self._text, self._total, self._unit = tell, text, total, unit
        self._done = 0.0

    def advance(self, count: float = 1, **figures: float) -> None:
        """See Task."""
        self._done += count
        self._tell(Step(self._text, self._done, self._total, self._unit, figures))


def _tqdm() -> "type[tqdm[object]]":
    from tqdm import TqdmWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TqdmWarning)  # a notebook without widgets gets bars of text
        from tqdm.auto import tqdm
    found: type[tqdm[object]] = tqdm
    return found
