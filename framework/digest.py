"""What a result depends on (plain data, files, versions), and the digest under which it is found, the same on every machine."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from distil.framework.language.words import ENGLISH, Words


def digest_of(value: object) -> str:
    """Digest of a JSON-like value, whatever the order of its keys: 16 hexadecimal characters (64 bits)."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def digest_of_strings(parts: Iterable[str]) -> str:
    """Digest of a sequence of strings; the boundaries between them count."""
    hasher = hashlib.blake2b(digest_size=8)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        hasher.update(len(data).to_bytes(8, "little"))
        hasher.update(data)
    return hasher.hexdigest()


def digest_of_files(paths: Iterable[Path]) -> str:
    """Digest of files' names and contents, whatever the order in which they are given."""
    hasher = hashlib.blake2b(digest_size=8)
    for path in sorted(paths, key=lambda p: p.name):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        hasher.update(f"{path.name}\0{content}\0".encode())
    return hasher.hexdigest()


def digest_of_folder(folder: Path, pattern: str = "*") -> str:
    """Digest of the files below a folder whose names match: where they lie in it, and their contents."""
    parts: list[str] = []
    for path in sorted(path for path in folder.rglob(pattern) if path.is_file()):
        parts += [str(path.relative_to(folder)), digest_of_files([path])]
    return digest_of_strings(parts)


@dataclass(frozen=True)
class Key:
    """What decides about a result.

    kind: its folder in the store; inputs: plain data, in which the results that it is made of stand as their keys;
    versions: of the code, the libraries and the device that make it, which may decide about it too; taken: the digest of
    a result of other versions that is used in its place.
    """

    kind: str
    inputs: Mapping[str, object]
    versions: Mapping[str, object] = field(default_factory=dict)
    taken: str | None = None

    @cached_property
    def content(self) -> str:
        """Digest of kind and inputs, whatever the versions, its own and those of what it is made of."""
        return digest_of({"kind": self.kind, "inputs": _plain(self.inputs, lambda key: key.content)})

    @cached_property
    def digest(self) -> str:
        """`content` and, after a dash, 8 digits of the digest of everything: names of the same content begin alike."""
        if self.taken is not None:
            return self.taken
        return f"{self.content}-{digest_of({'inputs': self.plain_inputs, 'versions': dict(self.versions)})[:8]}"

    @cached_property
    def parts(self) -> list["Key"]:
        """The keys of the results that it is made of."""
        return list(_keys(self.inputs))

    @cached_property
    def plain_inputs(self) -> dict[str, object]:
        """The inputs, with digests in place of keys."""
        return {key: _plain(inner, lambda key: key.digest) for key, inner in self.inputs.items()}


def _keys(value: object) -> Iterator[Key]:
    if isinstance(value, Key):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _keys(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _keys(inner)


def _plain(value: object, name: Callable[[Key], str]) -> object:
    if isinstance(value, Key):
        return name(value)
    if isinstance(value, Mapping):
        return {key: _plain(inner, name) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner, name) for inner in value]
    return value


Versions = dict[str, int | str]
Differences = dict[str, list[object]]
Library = Literal["torch", "transformers", "tokenizers", "deepspeed", "peft", "bitsandbytes"]
MODELS: tuple[Library, ...] = ("torch", "transformers", "tokenizers")  # what models are loaded, run and saved with
TRAINING: tuple[Library, ...] = (*MODELS, "deepspeed")


def versions(code: int, libraries: tuple[Library, ...] = (), device: str | None = None) -> Versions:
    """By name. code: a stage's own number; device: cpu or cuda, where a model is run."""
    found: Versions = {"code": code, **{name: _installed(name) for name in libraries}}
    return found if device is None else {**found, "device": device}


def differences(made: Mapping[str, object], now: Mapping[str, object]) -> Differences:
    """What differs between two sets of versions, by name: the one and the other; None where there is none."""
    names = sorted({*made, *now})
    return {name: [made.get(name), now.get(name)] for name in names if made.get(name) != now.get(name)}


def in_words(differ: Differences, words: Words = ENGLISH) -> str:
    """Differences of versions, as part of a sentence. Without any, those of what it is made of differ."""
    if not differ:
        return words("other versions")
    found = (words("version", name=name, made=made, now=now) for name, (made, now) in differ.items())
    return words("versions", found=", ".join(found))


@cache
def _installed(library: Library) -> str:
    """A library's version without what follows a plus, which names the build: the device stands for that. Without it nothing is made."""
    try:
        return version(library).partition("+")[0]
    except PackageNotFoundError:
        return "none"
