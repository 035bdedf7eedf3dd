"""The first pages, in English and Russian, and the site of which they are the beginning."""

import json
import re
from pathlib import Path

import pytest
import yaml

from distil.framework.data.local_files import read_file
from distil.framework.data.records import Fields
from distil.framework.recipe.checks import recipe_of
from distil.framework.tasks.registry import TASKS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LANGUAGES = (DOCS, DOCS / "ru")
languages = pytest.mark.parametrize("folder", LANGUAGES, ids=("en", "ru"))


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


@languages
def test_what_the_first_page_says_goes_into_a_file_is_read(folder: Path, tmp_path: Path) -> None:
    shown = {
        "train.csv": ("classification", *blocks(folder / "index.md", "csv")),
        "train.json": ("extractive_qa", *blocks(folder / "index.md", "json")),
        "train.conll": ("tagging", *blocks(folder / "index.md", "text")),
    }
    for name, (kind, text) in shown.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        task = next(task() for task in TASKS if task().kind == kind)
        fields = Fields(task.fields)
        rows = list(task.rows(read_file(tmp_path / name, fields, task.formats), fields))
        assert rows, name
        if kind == "extractive_qa":
            for one in json.loads(text):
                assert one["answers"] in one["context"]


@languages
def test_the_first_pages_recipe_is_legal(folder: Path) -> None:
    (text,) = blocks(folder / "index.md", "yaml")
    recipe = recipe_of(yaml.safe_load(text.replace("3e-5", "0.00003").replace("5e-5", "0.00005")), lambda place: "here")
    assert recipe.task.kind == "classification"


@pytest.mark.parametrize("page", ["index.md", "start.md"])
def test_both_languages_show_the_same_commands(page: str) -> None:
    english, russian = (blocks(folder / page, "sh") for folder in LANGUAGES)
    plain = [[re.sub(r"'[^']*'", "TEXT", block) for block in found] for found in (english, russian)]
    assert plain[0] == plain[1]
    assert plain[0]


def test_the_figures_of_the_first_page_are_the_quickstarts() -> None:
    table = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in ("teacher", "student_no_distillation", "student"):
        row = re.search(rf"│ {name} +│ \w+ +│ +[\w.]+ │ ([\d.]+) ", table)
        assert row is not None
        for folder in LANGUAGES:
            shown = (folder / "index.md").read_text(encoding="utf-8").replace(",", ".")
            assert re.search(rf"\| {name} \| .* \| {row[1]} \|", shown), (name, folder)


def test_every_document_is_in_the_sites_contents() -> None:
    class Loader(yaml.SafeLoader):
        """Of what MkDocs alone reads, a function by name, nothing is made."""

    Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, suffix, node: None)
    config = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)  # a SafeLoader

    def pages(part: object) -> list[str]:
        if isinstance(part, dict):
            return [page for inner in part.values() for page in pages(inner)]
        return [page for inner in part for page in pages(inner)] if isinstance(part, list) else [str(part)]

    listed = pages(config["nav"])
    assert sorted(listed) == sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
