"""What all documents have in common: links that lead somewhere, and commands that exist."""

import re
from pathlib import Path

import pytest
import typer

from distil.launch.answer import parser
from distil.launch.commands import app

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
COMMANDS = typer.main.get_group(app).commands
OF_OWN_TASKS = {"own_task.md": ("--candidates",)}  # options of `distil answer`

documents = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


@documents
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@documents
def test_commands_and_their_options_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for command, rest in re.findall(r"(?<![\w/-])(?<!from )distil ([a-z]+)((?: [^\s`|]+)*)", code(text)):
        assert command in COMMANDS, command
        options = {option for parameter in COMMANDS[command].params for option in parameter.opts}
        if command == "answer":  # whose options are the tasks'
            options = {*re.findall(r"--?[a-z][a-z-]*", parser().format_help()), *OF_OWN_TASKS.get(path.name, ())}
        for option in re.findall(r"(?<!\S)--?[a-z][a-z-]*", rest):
            assert option in options | {"--help"}, f"distil {command} {option}"


@documents
def test_recipes_and_make_targets_exist(path: Path) -> None:
    text = code(path.read_text(encoding="utf-8"))
    for recipe in re.findall(r"\brecipes/[\w/]+\.yaml", text):
        assert (ROOT / recipe).is_file(), recipe
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)|`make (\w+)`", text, flags=re.MULTILINE):
        name = target[0] or target[1]
        assert re.search(rf"^{name}:", makefile, flags=re.MULTILINE), name


def code(text: str) -> str:
    """The code of a document: blocks and, with their marks, spans."""
    blocks = re.findall(r"```\w*\n(.*?)```", text, flags=re.DOTALL)
    spans = re.findall(r"`[^`\n]+`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return "\n".join([*blocks, *spans])


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_way_of_a_batch_names_functions_that_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    way = text.partition("### The way of a batch")[2].partition("\n## ")[0]
    named = re.findall(r"^\d+\. `([\w.]+)` \(`([\w/.]+)`\)", way, flags=re.MULTILINE)
    assert len(named) == len(re.findall(r"^\d+\.", way, flags=re.MULTILINE)) == 10
    for function, file in named:
        source = (ROOT / file).read_text(encoding="utf-8")
        for part, keyword in zip(reversed(function.split(".")), ("def", "class"), strict=False):
            assert re.search(rf"^ *{keyword} {part}\b", source, flags=re.MULTILINE), function
