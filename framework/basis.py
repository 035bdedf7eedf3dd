"""What a run follows from, as it can be told without data being read or a model loaded. Where nothing of it has changed since a run
was finished, its stages are the same ones, and done."""

import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import BaseModel

import distil.framework
from distil.framework.data.generated import GeneratedSource
from distil.framework.data.hub import Hub
from distil.framework.data.local_files import Files
from distil.framework.digest import digest_of, digest_of_files, digest_of_folder
from distil.framework.errors import StoreError, UserError
from distil.framework.files import Json, read_sealed, write_sealed
from distil.framework.hub import snapshot
from distil.framework.manifest import MANIFEST, damage, described
from distil.framework.models.locate import identity, locate_tokenizer
from distil.framework.models.section import FolderModel, HubModel, PretrainedTokenizer
from distil.framework.outcome import RunResults, read_outcome
from distil.framework.plugins import SOURCE, settings_of
from distil.framework.recipe.schema import Recipe
from distil.framework.store import Store

BASIS = "basis.json"
# Beyond those whose versions are in digests: what data are read with.
_LIBRARIES = ("torch", "transformers", "tokenizers", "deepspeed", "datasets", "pyarrow", "numpy", "huggingface_hub")
_DEVICES = ("nvidia[0-9]*", "kfd", "dxg")
_SHOWN_DEVICES = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")


class _Unknown(Exception):
    """What a run follows from cannot be told beforehand."""


@dataclass(frozen=True)
class FinishedRun:
    """A run of which nothing is left to do: the titles of its stages, and its results."""

    stages: list[str]
    results: RunResults


def basis_of(recipe: Recipe) -> str | None:
    """A digest of all that decides about the recipe's results: the recipe, contents of the files that it names, commits of the
    hub, classes of the user's own, distil's code, libraries and devices. None where that cannot be told beforehand."""
    sources = [recipe.data.source, *(extra.source for extra in recipe.data.extra.values())]
    try:
        if not all(isinstance(source, GeneratedSource | Files | Hub) for source in sources):
            return None  # one of the user's own may read anything
        found = [_found(section) for section in _sections(recipe)]
    except (_Unknown, UserError, OSError):  # of which the run says more
        return None
    return digest_of(
        {
            "recipe": recipe.resolved(),
            "found": found,
            "code": _code(),
            "python": platform.python_version(),
            "libraries": {name: _version(name) for name in _LIBRARIES},
            "devices": sorted(str(path) for pattern in _DEVICES for path in Path("/dev").glob(pattern)),
            "shown": {name: os.environ.get(name) for name in _SHOWN_DEVICES},
        }
    )


def note_finished(recipe: Recipe, basis: str | None, stages: Iterable[tuple[str, Path]]) -> None:
    """Note in the folder of a finished run what it followed from. stages: their titles, and the folders of their results."""
    folder, root = recipe.run_folder, recipe.output_folder
    if basis is None:
        (folder / BASIS).unlink(missing_ok=True)
        return
    own = ("recipe.yaml", "results.json", "results.md", "predictions/*.json", "cards/*.md")
    values = {
        "basis": basis,
        "stages": [{"title": title, "folder": str(made.relative_to(root))} for title, made in stages],
        "files": described(folder, [path for pattern in own for path in folder.glob(pattern)]),
    }
    write_sealed(folder / BASIS, values)


def finished_run(recipe: Recipe) -> FinishedRun | None:
    """The recipe's run, if it is finished and nothing has changed since: neither what it follows from, nor what it left.

    Raises StoreError for a damaged result.
    """
    folder, store = recipe.run_folder, Store(recipe.output_folder / "store")
    if recipe.storage is not None or not (folder / BASIS).exists():
        return None  # a storage may lack what is here
    try:
        noted = read_sealed(folder / BASIS)
        results = read_outcome(folder / "results.json", RunResults, "")
    except (OSError, ValueError, StoreError):  # the run writes them anew
        return None
    made = [recipe.output_folder / stage["folder"] for stage in noted["stages"]]
    whole = results["state"] == "finished" and all((one / MANIFEST).exists() for one in made)
    if not whole or any(damage(folder, noted["files"])) or noted["basis"] != basis_of(recipe):
        return None
    for one in made:
        store.bring(one)
    return FinishedRun([stage["title"] for stage in noted["stages"]], results)


def _sections(value: object) -> Iterator[BaseModel]:
    """A section and all within it."""
    if isinstance(value, BaseModel):
        yield value
        for name in type(value).model_fields:
            yield from _sections(getattr(value, name))
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _sections(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _sections(one)


def _found(section: BaseModel) -> object:
    """What a section leads to outside the recipe."""
    if isinstance(section, HubModel | FolderModel):
        return identity(section)
    if isinstance(section, PretrainedTokenizer) and section.id is not None:
        return _files(locate_tokenizer(section.id, section.revision))
    if isinstance(section, Hub):
        return snapshot("dataset", section.id, section.revision, ["README.md"]).name
    if isinstance(section, Files):
        paths = [section.path] if isinstance(section.path, str) else section.path.values()
        return [_files(Path(path).expanduser()) for path in paths]
    own: Json = settings_of(section)
    return own.get(SOURCE)


def _files(path: Path) -> str:
    """A digest of a file, or of all files below a folder."""
    if not path.exists():
        raise _Unknown
    return digest_of_files([path]) if path.is_file() else digest_of_folder(path)


def _code() -> str:
    """A digest of the framework's code: a stage's number changes where what it makes does, but who works on it may not be there
    yet."""
    return digest_of_folder(Path(distil.framework.__path__[0]), "*.py")


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None
