"""Carrying work to another machine: paths into one's store become paths into its store, filled from the storage."""

import io
import pickle
from pathlib import Path
from typing import Any

from framework.store import Store

Carried = bytes


def pack(value: Any, store: Store) -> Carried:
    """`value`, with the paths in it that lie in `store` as places there."""
    from ray.cloudpickle import CloudPickler

    class Packer(CloudPickler):  # type: ignore[misc]  # pickle asks for places by a method of its own
        def persistent_id(self, found: Any) -> str | None:
            """pickle's hook: what is named instead of being carried."""
            if isinstance(found, Path) and found.is_relative_to(store.root):
                return str(found.relative_to(store.root))
            return None

    buffer = io.BytesIO()
    Packer(buffer).dump(value)
    return buffer.getvalue()


def unpack(carried: Carried, store: Store) -> Any:
    """What was packed, with paths into the `store` of this machine; finished results that they lie in are brought here."""

    class Unpacker(pickle.Unpickler):
        def persistent_load(self, place: str) -> Path:
            """pickle's hook: what a name stands for."""
            parts = Path(place).parts
            if len(parts) >= 2:
                store.bring(store.root / parts[0] / parts[1])
            return store.root / place

    return Unpacker(io.BytesIO(carried)).load()
