"""How much memory there is, and how much is used at most."""

import threading
from types import TracebackType
from typing import Self

_EVERY = 0.05  # seconds


def available_bytes() -> int:
    """Memory that a model may take now: of the GPU, or of the machine where there is none."""
    import psutil
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0])
    return int(psutil.virtual_memory().available)


class PeakMemory:
    """The most memory, in bytes, that this process has while the context lasts: of the GPU, or of the machine where
    there is none, looked at 20 times a second."""

    def __init__(self) -> None:
        self.peak = 0
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak memory", daemon=True)

    def __enter__(self) -> Self:
        """Begin to watch."""
        import torch

        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Look a last time."""
        self._left.set()
        self._thread.join()

    def _watch(self) -> None:
        import psutil
        import torch

        process = psutil.Process()
        while True:
            ended = self._left.wait(_EVERY)
            used = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else process.memory_info().rss
            self.peak = max(self.peak, int(used))
            if ended:
                return
