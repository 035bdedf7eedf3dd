"""Recipes that are careless or hostile: each is refused at once, in one clear message, and nothing is made."""

import copy
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from distil.framework.errors import RecipeError
from distil.framework.recipe.load import recipe_from_values
from distil.launch.commands import app
from distil.launch.guard import guarded
from tests.tiny import several_values, tiny_values

BIG = 10**30


def refused(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What the command says, which ends with 2, a single message and no traceback."""
    code = guarded(lambda: app(arguments, prog_name="distil"))
    captured = capsys.readouterr()
    assert message in captured.err, captured.err
    assert code == 2, captured.err
    assert "Traceback" not in captured.err + captured.out
    assert captured.err.startswith("distil: ")
    assert len(captured.err) < 3000
    return captured.err


def written(folder: Path, values: dict[str, Any]) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(values, allow_unicode=True))
    return path


TEXTS: dict[str, tuple[str | bytes, str]] = {
    "impossible date": ("name: 2026-13-45\n", "data is missing"),
    "impossible time": ("name: a\nseed: 25:61:00\n", "seed: input should be a valid integer"),
    "tag of an integer": ("name: !!int abc\n", "recipe.yaml:1: not legal YAML: the tag !!int is not read"),
    "tag of an object": ("name: !!python/object:os.system {}\n", "the tag !!python/object:os.system is not read"),
    "tag of bytes": ("name: !!binary '////'\n", "the tag !!binary is not read"),
    "tag of one's own": ("name: !x {}\n", "the tag !x is not read"),
    "5,000 digits": (f"name: a\nseed: {'9' * 5000}\n", "recipe.yaml:2: not legal YAML: a number of 5,000 characters"),
    "5,000 hexadecimal digits": (f"seed: 0x{'f' * 5000}\n", "a number of 5,002 characters"),
    "infinity": ("student: {lr: .inf}\n", "no finite number"),
    "no number": ("student: {model: {config: {a: .nan}}}\n", "no finite number"),
    "brackets without end": ("a: " + "[" * 100_000, "more than 60 levels"),
    "braces without end": ("a: " + "{a: " * 10_000, "more than 60 levels"),
    "dashes without end": ("- " * 10_000, "more than 60 levels"),
    "an alias inside itself": ("a: &a [*a]\n", "recursive"),
    "aliases of aliases": (
        "a0: &a0 [1, 2]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40)),
        "20,000 values, aliases expanded",
    ),
    "merges of merges": (
        "a0: &a0 {b: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 40)),
        "20,000 values, aliases expanded",
    ),
    "NUL": ('name: "a\\0b"\n', "the text holds NUL"),
    "NUL as it is": (b"name: a\0b\n", "unacceptable character"),
    "half a surrogate pair": ('name: "\\ud800"\n', "half a surrogate pair"),
    "tabs": ("name: a\n\tdata: b\n", "not legal YAML"),
    "UTF-16": ("name: a\n".encode("utf-16"), "not UTF-8 text"),
    "two documents": ("name: a\n---\nname: b\n", "not legal YAML"),
    "nothing": (b"", "expected sections"),
    "a comment": ("# nothing\n", "expected sections"),
    "a list as a key": ("? [a]\n: b\n", "is not a word"),
    "a megabyte": ("name: " + "a" * 1_000_000, "more than 250 kB"),
    "a long unknown key": (f"? {'x' * 100_000}\n: 1\n", "unknown key 'xxx"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_is_no_recipe_is_refused(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content, message = TEXTS[name]
    path = tmp_path / "recipe.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    refused(["plan", str(path)], message, capsys)


def test_a_byte_order_mark_is_no_part_of_a_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "recipe.yaml").write_bytes(b"\xef\xbb\xbfname: a\nseed: x\n")
    refused(["plan", str(tmp_path / "recipe.yaml")], "recipe.yaml:2: seed: input should be a valid integer", capsys)


def test_what_is_no_file_is_no_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(10**9)
    for path, message in {
        tmp_path / "fifo": "is no file; expected a recipe",
        Path("/dev/zero"): "is no file; expected a recipe",
        tmp_path: "is a folder; expected a recipe",
        tmp_path / "loop": "Too many levels of symbolic links",
        tmp_path / "sparse": "more than 250 kB",
        tmp_path / ("n" * 5000): "File name too long",
        tmp_path / "no" / "recipe.yaml": "no recipe at",
    }.items():
        refused(["plan", str(path)], message, capsys)


@pytest.mark.parametrize("command", ["report", "resume", "track", "best"])
def test_a_run_whose_path_is_too_long(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    refused([command, "n" * 5000], "File name too long", capsys)


OVERRIDES = {
    f"seed={BIG}": "seed: input should be less than",
    f"seed={'9' * 5000}": "the value is not legal YAML: a number of 5,000 characters",
    "student.lr=.inf": "no finite number",
    "student.lr=1e400": "no finite number",
    "student.lr=!!float 1": "the tag !!float is not read",
    "student.epochs=2026-13-45": "student.epochs: input should be a valid integer (found '2026-13-45')",
    "student.epochs=25:61:00": "student.epochs: input should be a valid integer (found '25:61:00')",
    'description="\\0"': "the text holds NUL",
    'description="\\udfff"': "half a surrogate pair",
    "description=\udcff": "not legal YAML",
    f"student.model.config.x={'[' * 1000}": "more than 60 levels",
    "student.model.config" + ".a" * 100 + "=1": "no place of a recipe lies 60 levels deep",
    "data.splits.train='train[:" + "9" * 5000 + "]'": "not a split or a slice of one",
    "student.model.architecture=" + "b" * 100_000: "no architecture",
    f"output={'n' * 300}": "output: this path is too long",
    f"output={'/n' * 3000}": "output: this path is too long",
    "output=": "output",
    "output=~nobodyhere/runs": "output: nobody here is called 'nobodyhere'",
    "data.source={kind: files, path: ~nobodyhere/a.json}": "nobody here is called 'nobodyhere'",
    "data.source={kind: files, path: {train: " + "a" * 300 + "}}": "data.source.path.train: this path is too long",
    "student.model={kind: folder, path: ~nobodyhere/a}": "nobody here is called 'nobodyhere'",
    "teachers.teacher.model={kind: folder, path: '" + "a" * 300 + "'}": "this path is too long",
    "student.tokenizer={kind: pretrained, id: ~nobodyhere/a}": "nobody here is called 'nobodyhere'",
}


@pytest.mark.parametrize("override", OVERRIDES, ids=lambda text: text[:40].encode("ascii", "backslashreplace").decode())
def test_an_override_that_cannot_be_is_refused(
    override: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, tiny_values(tmp_path / "runs"))
    refused(["plan", str(path), override], OVERRIDES[override], capsys)


def numbers(node: Any, place: str = "") -> list[str]:
    """Places of numbers in plain data."""
    if isinstance(node, dict):
        return [found for key, value in node.items() for found in numbers(value, f"{place}.{key}" if place else key)]
    return [place] if isinstance(node, int | float) and not isinstance(node, bool) else []


def test_no_number_of_a_recipe_may_be_without_end(tmp_path: Path) -> None:
    """Of a resolved recipe, with its defaults, every number is set to 10³⁰ and -10³⁰; a model's fields are its own."""
    search = {"space": {"student.lr": {"kind": "uniform", "low": 0.1, "high": 0.2}}, "trials": 2, "minutes": 5}
    values = several_values(
        tmp_path / "runs",
        search={**search, "concurrent": 1, "scheduler": {"kind": "asha"}},
        student__micro_batch=8,
        student__epochs=3,
        engine__threads=2,
        data__cut={"shares": {"train": 0.5, "dev": 0.25}},
        data__splits=None,
    )
    resolved = recipe_from_values(values, "here").resolved()
    places = [place for place in numbers(resolved) if ".config." not in place and ".space." not in place]
    assert len(places) > 70
    for place in places:
        for value in (BIG, -BIG):
            with pytest.raises(RecipeError) as refusal:
                recipe_from_values(copy.deepcopy(resolved), "here", [f"{place}={value}"])
            said = str(refusal.value)
            assert place in said
            assert any(word in said for word in ("less than", "greater than", "should be 0, 1", "maximum size")), said


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("import sys; sys.exit(0)", "SystemExit: 0"),
        ("raise SystemExit", "SystemExit: SystemExit"),
        ("class Own(BaseException): pass\nraise Own('away')", "Own: away"),
        ("raise RuntimeError('line one\\nline two')", "RuntimeError: line one)"),
        ("def f(): f()\nf()", "RecursionError: maximum recursion depth exceeded"),
        ("1 +", "SyntaxError: invalid syntax"),
        ("raise ValueError('x' * 100000)", "ValueError: xxx"),
        ("import pydantic\nclass Loss(pydantic.BaseModel):\n  kind: str\n", "lacks weight, source, temperature"),
        (
            "import pydantic\nclass Loss(pydantic.BaseModel):\n  kind: str\n  weight: float = 1.0\n  source = property()\n"
            "  temperature = property()\n  def __call__(self, a, b): pass\n  @pydantic.field_validator('kind')\n"
            "  @classmethod\n  def check(cls, kind): raise SystemExit(3)\n",
            "does not take these values (SystemExit: 3)",
        ),
    ],
    ids=lambda text: text[:20],
)
def test_a_module_that_ends_the_interpreter_or_fails(
    body: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "of_a_stranger.py").write_text(body)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "of_a_stranger", raising=False)
    path = written(tmp_path, tiny_values(tmp_path / "runs", losses={"own": {"kind": "of_a_stranger:Loss"}}))
    refused(["plan", str(path)], message, capsys)


@pytest.mark.parametrize("name", ["a\0b", "a\nb", "t" * 200, "я" * 60, " "])
def test_a_teacher_whose_name_is_no_file_name(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = tiny_values(tmp_path / "runs")
    values["teachers"] = {name: values["teachers"]["teacher"]}
    message = "the text holds NUL" if "\0" in name else "cannot name a teacher"
    refused(["plan", str(written(tmp_path, values))], message, capsys)


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "a grid without end": (
        {
            "search": {
                "space": {
                    place: {"kind": "int_uniform", "low": 1, "high": 1000}
                    for place in ("student.epochs", "student.batch_size")
                },
                "searcher": {"kind": "grid"},
            }
        },
        "a grid of 1,000,000 combinations",
    ),
    "shares of nothing": ({"data__splits": None, "data__cut": {"shares": {}}}, "at least one share"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_would_never_end_is_refused(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changes, message = CHANGES[name]
    refused(["plan", str(written(tmp_path, tiny_values(tmp_path / "runs", **changes)))], message, capsys)
