"""Bytes of files, packed or not, up to what the machine has room for."""

import bz2
import codecs
import gzip
import lzma
import stat
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO

from distil.framework.errors import DataError, first_line

_SHARE = 4  # what is read takes several times its bytes once it is made of Python's objects
_MOST = 2 << 30
_CHUNK = 1 << 20


class Allowance:
    """How many bytes the contents of a file may have: a quarter of the memory that is free, and 2 GiB at most."""

    def __init__(self, path: Path) -> None:
        import psutil

        self._path = path
        self._most = self._left = min(psutil.virtual_memory().available // _SHARE, _MOST)

    def check(self, count: int) -> None:
        """Raise DataError if `count` more bytes are too many."""
        if count > self._left:
            raise DataError(
                f"{self._path}: too large: what is in it takes more than {self._most / 2**30:.1f} GiB, which is the most for a "
                f"file (2 GiB, or a quarter of the free memory); split it, or leave out what is not needed"
            )

    def take(self, count: int) -> None:
        """Count bytes that were read. Raises DataError as `check` does."""
        self.check(count)
        self._left -= count


def check_is_file(path: Path) -> None:
    """Raise DataError for a folder, a pipe or a device, and OSError for what is not there."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise DataError(
            f"{path} is a folder; name a file in it, or a folder that `save_to_disk` of datasets has written"
        )
    if not stat.S_ISREG(mode):
        raise DataError(f"{path} is a pipe or a device; name a file")


def _open_zstd(path: Path) -> IO[bytes]:
    import pyarrow

    stream: IO[bytes] = pyarrow.input_stream(str(path), compression="zstd")  # which reads as one does
    return stream


_OPEN: dict[str, Callable[[Path], IO[bytes]]] = {
    ".gz": gzip.open,  # type: ignore[dict-item]  # reads bytes by default
    ".bz2": bz2.open,
    ".xz": lzma.open,
    ".zst": _open_zstd,
}
PACKED = tuple(_OPEN)
"""How names of packed files end, behind what they have for their format."""


def is_packed(path: Path) -> bool:
    """Whether a file is packed, by its name."""
    return path.suffix.lower() in _OPEN


def read_bytes(path: Path) -> bytes:
    """The contents of a file, unpacked if its name says that it is packed. Raises DataError and OSError."""
    allowance = Allowance(path)
    allowance.check(path.stat().st_size)
    if not is_packed(path):
        return path.read_bytes()
    chunks, ending = [], path.suffix.lower()
    with _OPEN[ending](path) as file:
        try:
            while chunk := file.read(_CHUNK):
                allowance.take(len(chunk))
                chunks.append(chunk)
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise DataError(f"{path}: not a whole {ending} file: {first_line(error)}") from None
    return b"".join(chunks)


def read_text(path: Path) -> str:
    """The same as text: of UTF-8 or, where its first bytes say so, UTF-16. Raises DataError if it is neither, too."""
    content = read_bytes(path)
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}: line {line} is not {'UTF-16' if is_utf16 else 'UTF-8'} (byte {error.start}); save the file as UTF-8, which Excel "
            "calls “CSV UTF-8”"
        ) from None
