"""`distil answer`: its options are what the tasks' requests hold, each as text or as a file with that text."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from unicodedata import category

from distil.framework.errors import DataError, reason
from distil.framework.files import Json
from distil.launch.quiet import be_quiet

if TYPE_CHECKING:
    from pydantic import BaseModel

    from distil.framework.tasks.base import Task


def answer(arguments: list[str]) -> None:
    """Print what a model answers, as JSON; on a terminal what one writes that writes texts, as it comes. Raises DataError for a text that
    cannot be had, and DistilError for the model."""
    given = vars(parser(arguments).parse_args(arguments))
    source, model = given.pop("source"), given.pop("model")
    texts = {name: value for name, value in given.items() if value is not None}
    be_quiet()
    from distil.launch.inspect import shown
    from distil.launch.serve_models import answerer_of

    answerer = answerer_of(source, model)
    watched, came = sys.stdout.isatty(), False
    for piece in answerer.pieces(request_from(answerer.inference.task, texts)):
        if not isinstance(piece, str):
            answer = shown(piece)
        elif watched:
            print(harmless(piece), end="", flush=True)
            came = True
    if came:
        print()
        del answer["text"]
    print(json.dumps(answer, ensure_ascii=False), file=sys.stderr if came else sys.stdout)


def harmless(text: str) -> str:
    """A text without the characters by which it could command a terminal."""
    return "".join("\ufffd" if category(one) == "Cc" and one not in "\n\t" else one for one in text)


def parser(arguments: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The options of all tasks; and what else of `arguments` looks like one, which may be a task's of the user's own."""
    from pydantic.fields import FieldInfo

    from distil.framework.tasks.registry import TASKS

    found = argparse.ArgumentParser(
        "distil answer", description="Ask a model once, and print its answer as JSON.", allow_abbrev=False
    )
    found.add_argument(
        "source", metavar="RUN", type=Path, help="The folder of a run, of a search, or of a saved model."
    )
    fields = {name: field for task in TASKS for name, field in task.request.model_fields.items()}
    for name in _options(arguments) - {*fields, "model", "help"}:
        fields[name] = FieldInfo(annotation=str)
    letters = {name[0]: name for name in reversed(fields)}
    for name, field in fields.items():
        short = [f"-{name[0]}"] if letters[name[0]] == name else []
        found.add_argument(_option(name), *short, metavar="TEXT", help=field.description)
        found.add_argument(
            f"{_option(name)}-file", metavar="FILE", type=Path, help="A file with that text; - for standard input."
        )
    found.add_argument("--model", help="A model of the run by name; default: its student.")
    return found


def _options(arguments: Sequence[str]) -> set[str]:
    """The fields that options name."""
    names = (one[2:].partition("=")[0] for one in arguments if one.startswith("--") and one != "--")
    return {name.removesuffix("-file").replace("-", "_") for name in names}


def request_from(task: "Task", texts: Json) -> "BaseModel":
    """The task's request of the options given: texts, or files with the suffix _file. Raises DataError."""
    legal = list(task.request.model_fields)
    foreign = [name for name in texts if name.removesuffix("_file") not in legal]
    if foreign:
        options = ", ".join(map(_option, legal))
        raise DataError(f"{_option(foreign[0])} is nothing that a model for {task.kind} is asked; give {options}")
    values = {}
    for name in legal:
        text, file = texts.get(name), texts.get(f"{name}_file")
        required = task.request.model_fields[name].is_required()
        if (text is None) == (file is None) and (required or text is not None):
            option = _option(name)
            raise DataError(f"give the {name} once: {option} TEXT, or {option}-file FILE (- for standard input)")
        if text is not None or file is not None:
            values[name] = _text_of(file) if file is not None else text
    from distil.framework.answer import request_of

    return request_of(task, values)


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _text_of(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"cannot read {file}: {reason(error)}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not UTF-8 text (byte {error.start})") from None
