"""Which code a class of the user's own consists of, so that results can be told apart by it."""

import ast
import hashlib
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

SOURCE = "source_digest"
_DISTIL = ("framework", "launch", "tracking")  # whose stages have versions of their own


def settings_of(section: Any) -> dict[str, Any]:
    """A section as plain data; of a class of the user's own with the digest of its source."""
    values: dict[str, Any] = section.model_dump(mode="json")
    cls: type[BaseModel] = type(section)
    own = cls.__module__.partition(".")[0] not in _DISTIL
    return {**values, SOURCE: source_digest(cls)} if own else values


@cache
def source_digest(cls: type[BaseModel]) -> str:
    """Digest of the file that defines a class, and of the files that this one imports, at any depth.

    Whole files, as a class calls what stands beside it. Installed packages are left out, but for the class's own: whoever
    installs another version of one knows it; and so is distil, whose stages have versions.
    """
    roots = list(_roots(cls))
    found: dict[Path, str] = {}
    waiting = [cls.__module__]
    while waiting:
        module = waiting.pop()
        for path in _files(module, roots):
            if path not in found:
                source = path.read_bytes()
                found[path] = f"{module}\0{hashlib.sha256(source).hexdigest()}"
                waiting.extend(_imports(source, module, path.name == "__init__.py"))
    return hashlib.blake2b("\n".join(sorted(found.values())).encode(), digest_size=8).hexdigest()


def _roots(cls: type) -> Iterator[tuple[Path, str | None]]:
    """Folders in which modules of the user's own lie and, of an installed package, the name to which that is limited."""
    installed = {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    for entry in dict.fromkeys(Path(entry or ".").absolute() for entry in sys.path):
        if entry not in installed:
            yield entry, None
    package = cls.__module__.partition(".")[0]
    loaded = sys.modules.get(package)
    places = list(getattr(loaded, "__path__", [])) or [getattr(loaded, "__file__", None) or "."]
    yield from ((Path(place).absolute().parent, package) for place in places)


def _files(module: str, roots: list[tuple[Path, str | None]]) -> Iterator[Path]:
    """The files that are run when `module` is imported: its own, and those of the packages that it lies in."""
    parts = module.split(".")
    if parts[0] in _DISTIL:
        return
    for root, only in roots:
        places = [root.joinpath(*parts[:count]) for count in range(1, len(parts) + 1)]
        own = [place / "__init__.py" for place in places] + [places[-1].with_suffix(".py")]
        found = [path for path in own if path.is_file()] if only in (None, parts[0]) else []
        if found:
            yield from found
            return


def _imports(source: bytes, module: str, is_package: bool) -> Iterator[str]:
    """Names of the modules that a source imports; `from a import b` may mean a.b."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")
            above = above[: len(above) - node.level + is_package] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            if base:
                yield base
                yield from (f"{base}.{name.name}" for name in node.names)
