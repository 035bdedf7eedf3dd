"""Versions that may decide about a result: of distil's own code for a stage, of the libraries and of the kind of device."""

from functools import cache
from importlib.metadata import version
from typing import Any, Literal

Library = Literal["torch", "transformers", "tokenizers", "deepspeed"]
MODELS: tuple[Library, ...] = ("torch", "transformers", "tokenizers")  # what models are loaded, run and saved with
TRAINING: tuple[Library, ...] = (*MODELS, "deepspeed")


def versions(code: int, libraries: tuple[Library, ...] = (), device: str | None = None) -> dict[str, Any]:
    """By name. code: a stage's own number; device: cpu or cuda, where a model is run."""
    found: dict[str, Any] = {"code": code, **{name: _installed(name) for name in libraries}}
    return found if device is None else {**found, "device": device}


def differences(made: dict[str, Any], now: dict[str, Any]) -> dict[str, list[Any]]:
    """What differs between two sets of versions, by name: the one and the other; None where there is none."""
    names = sorted({*made, *now})
    return {name: [made.get(name), now.get(name)] for name in names if made.get(name) != now.get(name)}


def in_words(differ: dict[str, list[Any]]) -> str:
    """Differences of versions, as part of a sentence. Without any, those of what it is made of differ."""
    if not differ:
        return "from results of other versions"
    return "with " + ", ".join(f"{name} {made} instead of {now}" for name, (made, now) in differ.items())


@cache
def _installed(library: Library) -> str:
    """A library's version without what follows a plus, which names the build: the device stands for that."""
    return version(library).partition("+")[0]
