"""The beginning of what a server sends: it may go on for ever."""

import time
from collections.abc import Iterator

from httpx2 import SyncByteStream  # by which openai's client reads


class Beginning(SyncByteStream):
    """A stream that ends after so many bytes, or seconds."""

    def __init__(self, stream: SyncByteStream, most: int, seconds: float) -> None:
        self._stream, self._most, self._seconds = stream, most, seconds

    def __iter__(self) -> Iterator[bytes]:
        left, until = self._most, time.monotonic() + self._seconds
        for part in self._stream:
            yield part[:left]
            left -= len(part)
            if left <= 0 or time.monotonic() > until:
                return

    def close(self) -> None:
        """Take nothing more."""
        self._stream.close()
