"""The source of the user's own classes: its digest, by which results are told apart, and whether it is still what this process runs."""

import ast
import hashlib
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import BaseModel

from distil.framework.errors import UserError


@dataclass(frozen=True)
class _File:
    """A file as it was read. module: in whose search it was found; own: the module that it is; source: digest of its content."""

    module: str
    own: str
    source: str


_seen: dict[
    Path, tuple[object, str]
] = {}  # of files of loaded modules: by which import, and their content when that was first looked at


def source_digest(cls: type[BaseModel]) -> str:
    """Digest of the file that defines a class, and of the files that this one imports, at any depth.

    Whole files, as a class calls what stands beside it. Installed packages are left out, but for the class's own: whoever
    installs another version of one knows it; and so is distil, whose stages have versions. Raises UserError for a class that is in no
    file, such as one of a notebook's.
    """
    found = as_imported(cls)
    if not found:
        raise UserError(
            f"the source of {cls.__module__}:{cls.__qualname__} is in no file that can be imported, so that results could not be told apart "
            f"by it: define the class in a module of its own, and name it my_module:{cls.__qualname__}"
        )
    lines = sorted(f"{file.module}\0{file.source}" for file in found.values())
    return hashlib.blake2b("\n".join(lines).encode(), digest_size=8).hexdigest()


def changed_files(cls: type[BaseModel]) -> list[Path]:
    """Files of a class's source that hold something else than when this process imported them, as far as it looked: `source_digest` goes by
    what was there when the class was first asked about."""
    then, now = as_imported(cls), _read(cls)
    changed = {path for path, file in then.items() if _content(path) != file.source}
    # Modules that lie elsewhere by now, as of another working directory, are not what was imported.
    known = {file.own for file in then.values()}
    changed |= {path for path, file in now.items() if file.own not in known}
    for path, file in now.items():
        loaded = getattr(sys.modules.get(file.own), "__spec__", None)
        if loaded is not None:
            by, content = _seen.setdefault(path, (loaded, file.source))
            if by is not loaded:  # reloaded
                _seen[path] = loaded, file.source
            elif content != file.source:
                changed.add(path)
    return sorted(changed)


def _content(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


@cache
def as_imported(cls: type[BaseModel]) -> dict[Path, _File]:
    """The files of a class's source as they were when it was first asked for them."""
    return _read(cls)


def _read(cls: type[BaseModel]) -> dict[Path, _File]:
    roots = list(_roots(cls))
    found: dict[Path, _File] = {}
    waiting = [cls.__module__]
    while waiting:
        module = waiting.pop()
        for path, own in _files(module, roots):
            if path not in found:
                source = path.read_bytes()
                found[path] = _File(module, own, hashlib.sha256(source).hexdigest())
                waiting.extend(_imports(source, module, path.name == "__init__.py"))
    return found


def _roots(cls: type) -> Iterator[tuple[Path, str | None]]:
    """Folders in which modules of the user's own lie and, of an installed package, the name to which that is limited."""
    # Where the class's own package was loaded from comes first: the current folder, which may be among the others, may be another by now.
    package = cls.__module__.partition(".")[0]
    loaded = sys.modules.get(package)
    places = list(getattr(loaded, "__path__", [])) or [getattr(loaded, "__file__", None) or "."]
    yield from ((Path(place).absolute().parent, package) for place in places)
    installed = {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    for entry in dict.fromkeys(Path(entry or ".").absolute() for entry in sys.path):
        # Packages bring folders of their own within them, as Ray does.
        if installed.isdisjoint((entry, *entry.parents)):
            yield entry, None


def _files(module: str, roots: list[tuple[Path, str | None]]) -> Iterator[tuple[Path, str]]:
    """The files that are run when `module` is imported: its own, and those of the packages that it lies in; each with the module that it is."""
    parts = module.split(".")
    if parts[0] == "distil":  # whose stages have versions of their own
        return
    for root, only in roots:
        places = [root.joinpath(*parts[:count]) for count in range(1, len(parts) + 1)]
        names = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
        own = [
            *((place / "__init__.py", name) for place, name in zip(places, names, strict=True)),
            (places[-1].with_suffix(".py"), module),
        ]
        found = [(path, name) for path, name in own if path.is_file()] if only in (None, parts[0]) else []
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
