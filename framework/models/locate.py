"""A model's files: found in a folder, in the hub's local cache or on the hub, and looked at before a library reads them."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any

from distil.framework.digest import digest_of_files
from distil.framework.errors import ModelError, first_line
from distil.framework.hub import how_to_bring, snapshot
from distil.framework.models.bounds import check_sizes
from distil.framework.models.section import FolderModel, HubModel, ModelSource, PretrainedTokenizer

MOST_BYTES = 100_000_000  # those of 256,000 tokens come to 35 MB
_LONGEST = 10_000  # characters of a token, a pattern, what replaces it
_CHARSMAP = 10_000_000  # SentencePiece's table, in base64: 330,000 characters for NFKC and lower case
_MOST_LETTERS = 20_000_000  # of all tokens together; the library takes up to 350 bytes for each
_GROWTH = 10_000
SMALL_FILES = ["*.json", "*.txt", "*.model", "*.jinja"]  # configuration, tokenizer and chat template
_MOST_BYTES = {"config.json": 20_000_000, "tokenizer.json": MOST_BYTES}
_MOST_OTHERS = 500_000_000


def check_tokenizer_file(path: Path) -> None:
    """Refuse a tokenizer.json whose parts, or what its normaliser may make of one character, are without measure.

    A file that this process has found in order is looked at again only if it has changed, as large ones take seconds. Raises
    ModelError, naming the file and the place.
    """
    there = path.stat()
    if there.st_size > MOST_BYTES:
        raise ModelError(f"{path} has {there.st_size / 1e6:,.0f} MB, and {MOST_BYTES / 1e6:,.0f} MB are the most")
    _check(path, there.st_size, there.st_mtime_ns, there.st_ino)


@lru_cache(maxsize=64)
def _check(path: Path, *changes: int) -> None:
    """changes: what differs once the file does."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError(f"expected an object, found {type(values).__name__}")
    except (ValueError, RecursionError) as error:
        raise ModelError(f"no usable tokenizer in {path.parent}: {path.name}: {first_line(error)}") from None
    letters = _count_letters(values, path)
    if letters > _MOST_LETTERS:
        raise ModelError(f"{path}: its tokens have {letters:,} characters together, and {_MOST_LETTERS:,} are the most")
    growth = _growth(values.get("normalizer"))
    if growth > _GROWTH:
        raise ModelError(
            f"{path}: its normalizer can make more than {_GROWTH:,} characters of one; remove what replaces and prepends most"
        )


def _count_letters(values: Mapping[str, Any], path: Path) -> int:
    """Characters of all texts, keys included. Raises ModelError for one that is too long."""
    letters = 0
    left: list[tuple[str, Any]] = [("", values)]
    while left:  # a loop, as vocabularies have hundreds of thousands
        place, value = left.pop()
        texts = [value] if isinstance(value, str) else [text for text in value if isinstance(text, str)]
        longest = max(map(len, texts), default=0)
        most = _CHARSMAP if place.endswith(".precompiled_charsmap") else _LONGEST
        if longest > most:
            raise ModelError(f"{path}: a text at {place[1:]} has {longest:,} characters, and {most:,} are the most")
        letters += sum(map(len, texts))
        if isinstance(value, Mapping):
            inner = value.items()
            left += [(f"{place}.{key}", each) for key, each in inner if isinstance(each, str | list | Mapping)]
        elif isinstance(value, list):
            left += [(place, each) for each in value if isinstance(each, list | Mapping)]
    return letters


def _growth(normalizer: Any) -> float:
    """Characters that a normaliser makes of one at most, those of Unicode's own forms apart."""
    if not isinstance(normalizer, Mapping):
        return 1.0
    match normalizer.get("type"):
        case "Sequence":
            growth = 1.0
            for step in normalizer.get("normalizers") or ():
                growth = min(growth * _growth(step), 2.0 * _GROWTH)  # no number without end either
            return growth
        case "Replace":
            pattern, content = normalizer.get("pattern"), len(str(normalizer.get("content", "")))
            text = pattern.get("String") if isinstance(pattern, Mapping) else None
            return max(1.0, content / len(text)) if text else 1.0 + content  # an empty match adds, and takes nothing
        case "Prepend":
            return 1.0 + len(str(normalizer.get("prepend", "")))
        case "Precompiled":
            return _longest_replacement(str(normalizer.get("precompiled_charsmap", "")))
    return 1.0


def _longest_replacement(charsmap: str) -> float:
    """SentencePiece's table: the size of a trie, the trie, and after it the replacements, each ended by a zero."""
    try:
        table = base64.b64decode(charsmap)
    except (binascii.Error, ValueError):
        return 1.0  # which the library refuses
    trie = int.from_bytes(table[:4], "little")
    return float(max(map(len, table[4 + trie :].split(b"\0")), default=1) or 1)


def locate(source: HubModel | FolderModel, weights: bool = False) -> Path:
    """The folder with the model's configuration and tokenizer and, with `weights`, its weights.

    Raises ModelError where they cannot be had, saying what is missing and how to bring it.
    """
    if isinstance(source, FolderModel):
        folder = _local(source.path)
    else:
        folder = snapshot("model", source.id, source.revision, SMALL_FILES)
    if not (folder / "config.json").exists():
        raise ModelError(f"{_name(source)}: no config.json in {folder}; expected a model saved in Hugging Face form")
    check_folder(folder)
    if not weights:
        return folder
    folder = _with_weights(source, folder)
    check_folder(folder)
    check_headers(folder)
    return folder


def locate_tokenizer(id_or_path: str, revision: str | None) -> Path:
    """The folder with a tokenizer's files. Raises ModelError where they cannot be had."""
    if Path(id_or_path).expanduser().exists():
        folder = _local(id_or_path)
    else:
        folder = snapshot("model", id_or_path, revision or "main", SMALL_FILES)
    check_folder(folder)
    return folder


def tokenizer_folder(model: ModelSource, settings: PretrainedTokenizer) -> Path:
    """The folder with the tokenizer that the settings of a model name: its own, or another one. Raises as `locate` does."""
    if settings.id is not None:
        return locate_tokenizer(settings.id, settings.revision)
    assert isinstance(model, HubModel | FolderModel)
    return locate(model)


def identity(source: HubModel | FolderModel) -> dict[str, str]:
    """What tells this model's weights from all others: hub id and commit, or a digest of the folder's files."""
    folder = locate(source)
    if isinstance(source, HubModel):
        return {"id": source.id, "commit": folder.name}
    return {"files": digest_of_files(path for path in folder.iterdir() if path.is_file())}


def _local(path: str) -> Path:
    folder = Path(path).expanduser().absolute()
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing"
        raise ModelError(f"found {found} at {folder}; expected the folder of a model in Hugging Face form")
    return folder


def _with_weights(source: HubModel | FolderModel, folder: Path) -> Path:
    if isinstance(source, HubModel):
        folder = snapshot("model", source.id, source.revision, [*SMALL_FILES, "*.safetensors"])
    if any(folder.glob("*.safetensors")):
        return folder
    if source.pickled_weights == "refuse":
        raise ModelError(
            f"{_name(source)}: no *.safetensors in {folder}. {_bring_weights(source)}. Weights that exist only as a "
            "pickle (pytorch_model.bin) are read, as tensors and nothing else, where the recipe says "
            "`pickled_weights: tensors_only`"
        )
    if isinstance(source, HubModel):
        folder = snapshot("model", source.id, source.revision, [*SMALL_FILES, "pytorch_model*.bin"])
    if not any(folder.glob("pytorch_model*.bin")):
        raise ModelError(
            f"{_name(source)}: neither *.safetensors nor pytorch_model.bin in {folder}; the configuration is there, "
            f"the weights are not. {_bring_weights(source)}"
        )
    return folder


def _bring_weights(source: HubModel | FolderModel) -> str:
    return how_to_bring("model", source.id, source.revision) if isinstance(source, HubModel) else "Put them there"


def _name(source: HubModel | FolderModel) -> str:
    return source.id if isinstance(source, HubModel) else source.path


def check_folder(folder: Path) -> None:
    """Refuse what could not be read to its end, or would lead out of the folder. Raises ModelError, naming the file."""
    paths = sorted({path for pattern in [*SMALL_FILES, "*.safetensors"] for path in folder.glob(pattern)})
    for path in paths:
        if path.is_dir():
            continue
        if not path.is_file():
            raise ModelError(f"{path} is no file: a pipe, or a link that leads nowhere; put the file itself there")
        most = _MOST_BYTES.get(path.name, _MOST_OTHERS)
        if path.suffix != ".safetensors" and path.stat().st_size > most:
            raise ModelError(f"{path} has {path.stat().st_size / 1e6:,.0f} MB, and {most / 1e6:,.0f} MB are the most")
        if path.name == "config.json":
            check_sizes(_read(path), str(path))
        elif path.name.endswith(".index.json"):
            _check_index(path)


def weight_files(folder: Path) -> Sequence[Path]:
    """The safetensors files that make up the model in a folder."""
    index = folder / "model.safetensors.index.json"
    if (folder / "model.safetensors").is_file():
        return [folder / "model.safetensors"]
    if index.is_file():
        return [folder / name for name in sorted(set(_read(index)["weight_map"].values()))]
    return sorted(folder.glob("*.safetensors"))


def check_headers(folder: Path) -> None:
    """Refuse safetensors that are cut short, or whose headers say what is not there. Raises ModelError, naming the file."""
    from safetensors import safe_open

    for path in weight_files(folder):
        try:
            with safe_open(path, framework="pt") as file:
                file.keys()
        except Exception as error:  # the library's own kinds of error
            raise ModelError(
                f"{path} is damaged, or no safetensors file ({first_line(error)}); fetch it again"
            ) from None


def saved_names(folder: Path) -> set[str]:
    """The names of all tensors in the safetensors of a folder, by their headers; none for files that cannot be read."""
    from safetensors import SafetensorError, safe_open

    names: set[str] = set()
    for path in weight_files(folder):
        try:
            with safe_open(path, framework="pt") as file:
                names |= set(file.keys())
        except (OSError, SafetensorError):  # which is said by name where they are loaded
            return set()
    return names


def count_saved(folder: Path) -> int:
    """Numbers in the safetensors of a folder, as their headers have it; 0 for files that cannot be read."""
    from safetensors import SafetensorError, safe_open

    count = 0
    for path in weight_files(folder):
        try:
            with safe_open(path, framework="pt") as file:
                names = file.keys()
                count += sum(prod(file.get_slice(name).get_shape()) for name in names)
        except (OSError, SafetensorError):  # which is said by name where they are loaded
            return 0
    return count


def _check_index(path: Path) -> None:
    named = _read(path).get("weight_map")
    if not isinstance(named, dict) or not all(isinstance(name, str) for name in named.values()):
        raise ModelError(f"{path} has no `weight_map` from tensors to files; fetch it again")
    for name in sorted(set(named.values())):
        if not name or "/" in name or "\0" in name or not (path.parent / name).is_file():
            raise ModelError(f"{path} names {name[:200]!r}, which is no file in this folder; fetch both again")


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise ModelError(f"no usable {path.name} in {path.parent}: {first_line(error)}") from None
    if not isinstance(values, dict):
        raise ModelError(f"no usable {path.name} in {path.parent}: expected an object, found {type(values).__name__}")
    return values
