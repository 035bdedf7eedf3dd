"""Carrying work to another machine: paths into one's store become paths into its store, filled from the storage.

Finished results are brought there, but for what the work itself is about: who orders it holds the lock of that, and a worker
that found it finished in the storage, by somebody else meanwhile, would wait for that lock for ever.
"""

import io
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from framework.store import Store

Carried = bytes


def pack(value: Any, store: Store, making: Sequence[Path]) -> Carried:
    """`value`, with the paths in it that lie in `store` as places there. making: folders of the results that are being made."""
    from ray.cloudpickle import CloudPickler

    class Packer(CloudPickler):  # type: ignore[misc]  # pickle asks for places by a method of its own
        def persistent_id(self, found: Any) -> tuple[str, bool] | None:
            """pickle's hook: what is named instead of being carried."""
            if isinstance(found, Path) and found.is_relative_to(store.root):
                return str(found.relative_to(store.root)), store.result_of(found) not in making
            return None

    buffer = io.BytesIO()
    Packer(buffer).dump(value)
    return buffer.getvalue()


def unpack(carried: Carried, store: Store) -> Any:
    """What was packed, with paths into the `store` of this machine; finished results that they lie in are brought here."""

    class Unpacker(pickle.Unpickler):
        def persistent_load(self, named: tuple[str, bool]) -> Path:
            """pickle's hook: what a name stands for."""
            place, wanted = named
            if wanted:
                store.bring(store.result_of(store.root / place))
            return store.root / place

    return Unpacker(io.BytesIO(carried)).load()
