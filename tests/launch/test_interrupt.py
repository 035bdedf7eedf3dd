"""^C stops a run even where a library swallows the exception."""

import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest

from framework.progress import SILENT
from launch.interrupt import Interrupt, InterruptibleProgress


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_swallowed_interrupt_comes_back_with_the_next_report(number: signal.Signals) -> None:
    interrupt = Interrupt()
    interrupt.install()
    progress = InterruptibleProgress(SILENT, interrupt)
    with progress.task("train", 3) as task:
        task.advance()
        progress.say("going on")
        with suppress(BaseException):
            signal.raise_signal(number)
        with pytest.raises(KeyboardInterrupt):
            task.advance()
    with pytest.raises(KeyboardInterrupt):
        progress.say("the next stage")
