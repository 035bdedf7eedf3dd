"""Progress as lines and as bars."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from distil.launch import console
from distil.launch.console import LineProgress, TerminalProgress


def test_lines_tell_how_far_how_well_and_how_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 4.0, 11.0, 12.0, 20.0])
    monkeypatch.setattr(console, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    with LineProgress().task("train", 40, "steps") as task:
        task.advance(5, loss=2.0)
        task.advance(15, loss=1.23456)
        task.advance(20, loss=0.5)
    assert capsys.readouterr().out.splitlines() == [
        "    train: 20/40 steps, loss 1.235, 11 s left",
        "    train: 40/40 steps, loss 0.5, 20 s",
    ]


def test_quick_work_prints_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock = iter([0.0, 0.5, 0.9])
    monkeypatch.setattr(console, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    with LineProgress().task("tokenise", 1) as task:
        task.advance()
    assert capsys.readouterr().out == ""


def test_bars_show_figures_and_messages() -> None:
    screen = io.StringIO()
    progress = TerminalProgress(Console(file=screen, force_terminal=True, width=120))
    with progress.task("train", 4, "steps") as task:
        task.advance(3, loss=0.25)
        progress.say("[1/2] a stage")
        progress._bars.refresh()
    assert "[1/2] a stage" in screen.getvalue()
    assert "loss 0.25" in screen.getvalue()
    assert "3/4" in screen.getvalue()
