"""A place that several machines reach, on a shared disk or in an object store, named by a URI."""

import os
import posixpath
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from distil.framework.errors import OutputError, first_line
from distil.framework.files import PASSING, write_atomic

T = TypeVar("T")
_Files = Any  # a file system of pyarrow, and below a file's entry in one: it has no types
_Entry = Any

_TRIES = 5


@dataclass(frozen=True)
class Storage:
    """Files by name below `uri`: `s3://bucket/folder`, `gs://…`, `file:///mnt/shared/folder`, or any other URI that pyarrow
    or fsspec can open. All methods raise OutputError where it cannot be reached."""

    uri: str

    def uri_of(self, name: str) -> str:
        """The URI of a file or folder, for others; what follows a question mark says how to come there."""
        place, mark, options = self.uri.partition("?")
        return f"{place.rstrip('/')}/{name}{mark}{options}"

    def check(self) -> None:
        """Write and remove a small file, so that what is wrong shows itself at once."""
        self._call(lambda files, root: _write(files, f"{root}/.writable", b""))
        self.remove(".writable")

    def read(self, name: str) -> bytes | None:
        """The content of a file; None if there is none."""

        def read(files: _Files, root: str) -> bytes | None:
            if not _is_file(files, f"{root}/{name}"):
                return None
            with files.open_input_stream(f"{root}/{name}") as stream:
                return bytes(stream.read())

        return self._call(read)

    def exists(self, name: str) -> bool:
        """Whether there is a file of this name."""
        return self._call(lambda files, root: _is_file(files, f"{root}/{name}"))

    def names(self, folder: str) -> list[str]:
        """The names of what lies right in a folder; none if it is not there."""

        def names(files: _Files, root: str) -> list[str]:
            import pyarrow.fs as pafs

            found = files.get_file_info(pafs.FileSelector(f"{root}/{folder}", allow_not_found=True))
            return [one.base_name for one in found]

        return self._call(names)

    def put(self, source: Path, name: str, last: str | None = None) -> None:
        """Copy a file, or all files of a folder, to `name`; that called `last` after all others.

        A file that is there is replaced at once, not bit by bit. Those of a folder that came from there with `get`, and have
        not changed since, are left out.
        """

        def put(files: _Files, root: str) -> None:
            if source.is_file():
                _copy_in(files, source, f"{root}/{name}")
                return
            found = [path for path in source.rglob("*") if path.is_file() and not path.name.endswith(PASSING)]
            there: dict[str, _Entry] = {}
            with suppress(FileNotFoundError):  # what is being removed there is not left out here
                there = _found(files, f"{root}/{name}")
            for path in sorted(found, key=lambda one: one == source / (last or "")):
                relative = path.relative_to(source).as_posix()
                if not _came_from(there.get(relative), path):
                    _copy_in(files, path, f"{root}/{name}/{relative}")

        self._call(put)

    def get(self, name: str, target: Path, last: str | None = None, missing: bool = False) -> None:
        """Copy all files below `name` to the folder `target`, that called `last` after all others.

        missing: only those that are not there.
        """

        def get(files: _Files, root: str) -> None:
            there = _found(files, f"{root}/{name}")
            for one in sorted(there, key=lambda one: one == last):
                if not (missing and (target / one).exists()):
                    _copy_out(files, f"{root}/{name}/{one}", target / one, there[one].mtime_ns)

        self._call(get)

    def get_file(self, name: str, target: Path) -> bool:
        """Copy one file; returns whether there is one."""
        content = self.read(name)
        if content is not None:
            write_atomic(target, content)
        return content is not None

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with all that is in it; one that is not there is no error."""

        def remove(files: _Files, root: str) -> None:
            import pyarrow.fs as pafs

            for _ in range(_TRIES):
                with suppress(FileNotFoundError):  # another process is removing it, too
                    kind = files.get_file_info(f"{root}/{name}").type
                    if kind == pafs.FileType.File:
                        files.delete_file(f"{root}/{name}")
                    elif kind == pafs.FileType.Directory:
                        files.delete_dir(f"{root}/{name}")
                    return

        self._call(remove)

    def _call(self, work: Callable[[_Files, str], T]) -> T:
        try:
            return work(*_open(self.uri))
        except Exception as error:  # what pyarrow's and fsspec's file systems raise is no part of their interface
            raise OutputError(
                f"the storage {self.uri} cannot be used ({type(error).__name__}: {first_line(error)}); check the URI, that "
                "this machine may read and write there, and that the package for it is installed (s3fs, gcsfs, ...)"
            ) from None


@lru_cache
def _open(uri: str) -> tuple[_Files, str]:
    """The file system, as pyarrow has it, and the folder in it."""
    import pyarrow as pa
    import pyarrow.fs as pafs

    try:
        files, root = pafs.FileSystem.from_uri(uri)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        from fsspec.core import url_to_fs

        plain, root = url_to_fs(uri)
        files = pafs.PyFileSystem(pafs.FSSpecHandler(plain))
    return files, root.rstrip("/")


def _is_file(files: _Files, path: str) -> bool:
    import pyarrow.fs as pafs

    return bool(files.get_file_info(path).type == pafs.FileType.File)


def _found(files: _Files, folder: str) -> dict[str, _Entry]:
    """What is known of all files below `folder`, by name."""
    import pyarrow.fs as pafs

    found = files.get_file_info(pafs.FileSelector(folder, allow_not_found=True, recursive=True))
    names = {posixpath.relpath(one.path, folder): one for one in found if one.type == pafs.FileType.File}
    # Object stores take any name, and whoever can write to one must not write elsewhere by it.
    return {name: one for name, one in names.items() if not name.startswith("../")}


def _came_from(there: _Entry, path: Path) -> bool:
    """Whether a file has size and time of one in the storage, whose time `_copy_out` gives to copies."""
    here = path.stat()
    return there is not None and (there.size, there.mtime_ns) == (here.st_size, here.st_mtime_ns)


def _copy_in(files: _Files, source: Path, target: str) -> None:
    import pyarrow.fs as pafs

    def copy(staged: str) -> None:
        pafs.copy_files(str(source), staged, source_filesystem=pafs.LocalFileSystem(), destination_filesystem=files)

    _replace(files, target, copy)


def _write(files: _Files, target: str, content: bytes) -> None:
    def write(staged: str) -> None:
        with files.open_output_stream(staged) as stream:
            stream.write(content)

    _replace(files, target, write)


def _replace(files: _Files, target: str, write: Callable[[str], None]) -> None:
    """Let `write` make the file. Object stores show a file once it is whole; on disks it is made beside and renamed."""
    files.create_dir(posixpath.dirname(target), recursive=True)
    if files.type_name != "local":
        write(target)
        return
    staged = f"{target}.{uuid.uuid4().hex}.tmp"
    write(staged)
    files.move(staged, target)


def _copy_out(files: _Files, source: str, target: Path, time: int | None) -> None:
    """time: when `source` was written, in nanoseconds, if that is known."""
    import pyarrow.fs as pafs

    target.parent.mkdir(parents=True, exist_ok=True)
    staged = target.with_name(f".{target.name}.tmp")
    pafs.copy_files(source, str(staged), source_filesystem=files, destination_filesystem=pafs.LocalFileSystem())
    if time is not None:
        os.utime(staged, ns=(time, time))
    staged.replace(target)
