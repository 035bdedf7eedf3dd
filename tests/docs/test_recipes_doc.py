"""docs/recipes.md against the schema: every option with its default. Its examples, README's and search.md's are legal recipes."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from distil.framework.recipe.load import recipe_from_values, recipe_schema
from distil.framework.recipe.yaml_loader import StrictLoader

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
SCHEMA = recipe_schema()
SECTIONS: dict[str, Any] = {"Recipe": SCHEMA, **SCHEMA["$defs"]}
TABLES = {
    name: table  # sections with the same options share one
    for names, table in re.findall(r"<!-- schema: ([\w, ]+) -->\n\n((?:\|.*\n)+)", TEXT)
    for name in names.split(", ")
}
PAGES = [ROOT / "README.md", ROOT / "docs" / "search.md"]
EXAMPLES = re.findall(
    r"```yaml\n(.*?)```", TEXT + "".join(path.read_text(encoding="utf-8") for path in PAGES), flags=re.DOTALL
)

# What the examples, which show one section each, leave out.
TINY = {"kind": "config", "architecture": "bert", "config": {"hidden_size": 32, "num_attention_heads": 2}}
REST = {
    "name": "example",
    "data": {"source": {"kind": "synthetic"}},
    "teachers": {
        "teacher": {"kind": "encoder", "model": TINY, "tokenizer": {"kind": "wordpiece"}, "fine_tune": {"epochs": 1}}
    },
    "student": {"model": TINY, "tokenizer": {"kind": "wordpiece"}},
    "losses": {"kl": {}, "hard_label": {}},
}


def test_every_section_has_its_table() -> None:
    assert set(TABLES) == set(SECTIONS)


@pytest.mark.parametrize("name", TABLES)
def test_tables_name_the_options_of_their_section_and_no_others(name: str) -> None:
    assert sorted(option for option, _, _ in rows(name)) == sorted(SECTIONS[name]["properties"])


@pytest.mark.parametrize("name", TABLES)
def test_tables_give_the_defaults(name: str) -> None:
    section = SECTIONS[name]
    for option, default, _ in rows(name):
        schema = section["properties"][option]
        if option in ("kind", "rule"):
            continue  # it has a default in the section, and is asked for wherever it picks one
        if option in section.get("required", []):
            assert default == "required", option
        elif "default" in schema and not isinstance(schema["default"], dict):
            assert read(default) == schema["default"], option
        else:
            assert default != "required", option


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_are_legal(example: str) -> None:
    sections = yaml.load(example, Loader=StrictLoader)
    recipe_from_values(sections if "name" in sections else {**REST, **sections}, "docs/recipes.md")


def rows(name: str) -> list[tuple[str, str, str]]:
    """Option, default and meaning of every row of a table."""
    lines = TABLES[name].splitlines()[2:]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return [(option.strip("`"), default, meaning) for option, default, meaning in cells]


def read(cell: str) -> object:
    """The value that a cell shows."""
    return None if cell == "none" else yaml.load(cell.strip("`"), Loader=StrictLoader)
