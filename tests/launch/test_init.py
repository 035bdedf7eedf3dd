"""`distil init`: from a file to a recipe that `distil plan` takes."""

from pathlib import Path

import pytest

from distil.launch.commands import app
from distil.launch.guard import guarded


def distil(*arguments: str) -> int:
    return guarded(lambda: app(list(arguments), prog_name="distil"))


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = "\n".join(f'"the text of you {number}, and that",{"ab"[number % 2]}' for number in range(40))
    (tmp_path / "mine.csv").write_text(f"text,label\n{rows}\n", encoding="utf-8")
    return Path("mine.csv")


def test_a_recipe_is_written_and_can_be_planned(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert distil("init", str(data)) == 0
    said = capsys.readouterr().out
    assert "a label for each text in the column label" in said
    assert "mine.yaml: a recipe for classification; what it would do: distil plan mine.yaml" in said
    assert distil("plan", "mine.yaml") == 0
    planned = capsys.readouterr().out
    assert "train 36, dev 4 texts" in planned
    assert "student" in planned


def test_nothing_is_written_over(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.yaml").write_text("mine", encoding="utf-8")
    assert distil("init", str(data)) == 2
    assert "mine.yaml is there already; name another file with --output FILE" in capsys.readouterr().err
    assert Path("mine.yaml").read_text(encoding="utf-8") == "mine"
    assert distil("init", str(data), "--output", "no/folder.yaml") == 2
    assert "cannot write no/folder.yaml" in capsys.readouterr().err
    assert distil("init", str(data), "--output", "other.yaml") == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--task", "tagger"], "--task tagger: no such task; did you mean 'tagging'?"),
        (["--field", "topic=label"], "--field topic=label: unknown name 'topic'"),
        (["--field", "label=topic"], "mine.csv has no column 'topic'; found text, label"),
        (["--field", "prompt=text"], "no column looks like `completion` (found: text, label)"),
        (["--task", "tagging"], "no column looks like `tokens` (found: text, label)"),
    ],
)
def test_what_does_not_fit_is_said(
    data: Path, options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert distil("init", str(data), *options) == 2
    assert words in capsys.readouterr().err
    assert not Path("mine.yaml").exists()
