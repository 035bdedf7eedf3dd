"""Manifests: what says that a folder is whole, and what its files were when they were written."""

import json
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from distil.framework.errors import StoreError
from distil.framework.files import PASSING, Json, crc_of, write_sealed

MANIFEST = "manifest.json"
_CHUNK = 2**22  # bytes read at a time
_MAKE_ANEW = "delete that folder and run its recipe again, which makes it, or fetches it, anew"
_COPY_ANEW = f"export it anew, or delete {MANIFEST} in that folder if the change is meant"

_State = tuple[bytes, tuple[tuple[str, int, int], ...]]  # the manifest, and name, size and time of every file
_found_whole: dict[Path, _State] = {}  # in this process
_TICK = 20_000_000  # nanoseconds: of two changes within a tick of the system's clock, the second may leave a file's time as it was


def write_manifest(folder: Path, values: Json, but_for: tuple[str, ...] = ()) -> None:
    """Write the JSON-like `values` into the folder's manifest, with size and checksum of all files but those called `but_for`."""
    written = [
        path
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(PASSING) and path.name not in (MANIFEST, *but_for)
    ]
    files = described(folder, written)
    write_sealed(folder / MANIFEST, {**values, "files": files})
    _remember(folder, ((folder / MANIFEST).read_bytes(), _state(folder, files)))


def read_manifest(content: bytes, path: Path) -> Json:
    """The manifest at `path`, which holds `content`. Raises StoreError if that is not what was written."""
    try:
        values = dict(json.loads(content))
        crc = values.pop("crc32", None)
        first_version = crc is None and "files" not in values and "facts" in values
        if not first_version and crc != crc_of(values):
            raise ValueError("its content is not what was written")
    except (ValueError, TypeError) as error:
        raise StoreError(f"{path} is damaged ({error}); {_MAKE_ANEW}") from None
    return values


def check_files(folder: Path) -> None:
    """Hold the files in `folder` against its manifest, if it has one, once in a process as long as none is written to.

    Raises StoreError that names what is missing, cut short or altered.
    """
    path = folder / MANIFEST
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return
    values = read_manifest(content, path)
    files = values.get("files", {})
    state = content, _state(folder, files)
    if _found_whole.get(folder) == state:
        return
    if wrong := list(damage(folder, files)):
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise StoreError(
            f"{folder} is damaged: {', '.join(wrong[:5])}{more}; {_MAKE_ANEW if 'digest' in values else _COPY_ANEW}"
        )
    _remember(folder, state)


def check_saved(folder: Path) -> None:
    """Check a saved model, or whatever else is read from one folder: by its own manifest, or by that of the result that it
    belongs to. Raises StoreError."""
    whole = folder.resolve()  # what a link leads to may have a manifest beside it
    for one in (whole, whole.parent):
        if _is_ours(one / MANIFEST):
            check_files(one)


def described(folder: Path, paths: Iterable[Path]) -> dict[str, Json]:
    """Size in `bytes` and checksum, `crc32`, of files, by their names in `folder`."""
    return {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "crc32": f"{checksum(path):08x}"}
        for path in sorted(paths)
    }


def damage(folder: Path, files: Mapping[str, Json]) -> Iterator[str]:
    """What is wrong with files that were `described`: a text for each that is missing, cut short or altered."""
    for name, written in files.items():
        path = folder / name
        if not path.is_file():
            yield f"{name} is missing"
        elif (size := path.stat().st_size) != written["bytes"]:
            yield f"{name} has {size} of {written['bytes']} bytes"
        elif f"{checksum(path):08x}" != written["crc32"]:
            yield f"{name} has other bytes than were written"


def checksum(path: Path) -> int:
    """CRC-32 of a file's bytes."""
    crc = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            crc = zlib.crc32(chunk, crc)
    return crc


def _remember(folder: Path, state: _State) -> None:
    """Note what was found whole, unless it has only just been written: another change of it might not be seen."""
    if max((changed for _, _, changed in state[1]), default=0) < time.time_ns() - _TICK:
        _found_whole[folder] = state


def _state(folder: Path, files: Json) -> tuple[tuple[str, int, int], ...]:
    return tuple(_stat(folder, name) for name in files)


def _stat(folder: Path, name: str) -> tuple[str, int, int]:
    try:
        found = (folder / name).stat()
    except OSError:
        return name, -1, -1
    return name, found.st_size, found.st_mtime_ns


def _is_ours(path: Path) -> bool:
    """Whether a file called as a manifest is one, be it damaged: others use that name, too."""
    try:
        return b'"crc32"' in path.read_bytes()
    except OSError:
        return False
