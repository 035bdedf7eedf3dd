"""Models and tokenizers in folders of this machine, and how other machines come to them: by way of the store."""

import os
import shutil
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from framework.digest import Key, digest_of_files
from framework.store import Store

_FILES = "files"
_FOLDERS = (("model", "path"), ("tokenizer", "id"))  # where sections name them


def keep_sources(recipes: list[dict[str, Any]], store: Store) -> dict[str, str]:
    """Keep every folder that the recipes, as plain data, name; returns where in the store, by the path named."""
    kept: dict[str, str] = {}
    for path in dict.fromkeys(path for recipe in recipes for path in _named(recipe)):
        folder = Path(path).expanduser().absolute()
        files = [one for one in folder.iterdir() if one.is_file()]
        artifact = store.produce(Key("sources", {"files": digest_of_files(files)}), partial(_copy, files))
        kept[path] = str((artifact.folder / _FILES).relative_to(store.root))
    return kept


def with_sources(values: Any, kept: Mapping[str, str], store: Store) -> Any:
    """A recipe, or a part of one, as plain data, with the folders that were kept as they are on this machine."""
    keys = [key for _, key in _FOLDERS]
    if isinstance(values, Mapping):
        return {
            key: _brought(kept[value], store)
            if key.rpartition(".")[2] in keys and isinstance(value, str) and value in kept
            else with_sources(value, kept, store)
            for key, value in values.items()
        }
    if isinstance(values, list):
        return [with_sources(value, kept, store) for value in values]
    return values


def _named(values: Any) -> Iterator[str]:
    """Folders that sections of models and tokenizers name."""
    if isinstance(values, Mapping):
        for place, key in _FOLDERS:
            section = values.get(place)
            path = section.get(key) if isinstance(section, Mapping) else None
            if isinstance(path, str) and Path(path).expanduser().is_dir():
                yield path
        for value in values.values():
            yield from _named(value)
    elif isinstance(values, list):
        for value in values:
            yield from _named(value)


def _copy(files: list[Path], to: Path) -> dict[str, Any]:
    target = to / _FILES
    target.mkdir(exist_ok=True)
    for file in files:
        try:
            # The file itself: the hub's cache holds links, which lead nowhere from another folder.
            os.link(file.resolve(), target / file.name)
        except OSError:  # another disk, or there already
            shutil.copyfile(file, target / file.name)
    return {"bytes": sum(file.stat().st_size for file in files)}


def _brought(place: str, store: Store) -> str:
    folder = store.root / place
    store.bring(folder.parent)
    return str(folder)
