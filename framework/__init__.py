"""Multi-teacher knowledge distillation; works by itself, in one process."""

import os
from contextlib import suppress
from pathlib import Path


def _intel() -> bool:
    with suppress(OSError), Path("/proc/cpuinfo").open("rb") as file:
        return b"GenuineIntel" in file.read(4096)
    return False


# A product of Intel's library then shows neither how many rows it has nor how many threads there are (docs/signals.md). The
# library looks once, before its first product. Other makers' processors might get slower kernels for it.
if _intel():
    os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")
