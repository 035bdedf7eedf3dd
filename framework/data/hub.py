"""Datasets of the Hugging Face hub, by their files."""

import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from distil.framework.config import Section
from distil.framework.data.example import Row
from distil.framework.data.local_files import EXTENSIONS, read_files
from distil.framework.data.records import FieldNames, Fields, Formats, Readers
from distil.framework.data.unpacking import PACKED
from distil.framework.errors import DataError
from distil.framework.hub import how_to_bring, snapshot
from distil.framework.progress import Progress


class Hub(Section):
    """A dataset of the Hugging Face hub whose files are of a kind that `Files` reads; never a script."""

    kind: Literal["hub"] = "hub"
    id: str = Field(min_length=1, description="for example kuznetsoffandrey/sberquad")
    revision: str = Field(default="main", min_length=1, description="branch, tag or commit")
    config: str | None = Field(default=None, description="one of the dataset's configurations, where it has several")
    files: dict[str, str] | None = Field(
        default=None,
        description="split -> a file of the dataset; default: as the dataset's card or its names of files say",
    )
    fields: FieldNames = Field(default_factory=dict)
    id_prefix: str = Field(default="", description="only examples whose id begins with this, for example russian-")

    @model_validator(mode="after")
    def _consistent(self) -> "Hub":
        if self.files is not None and self.config is not None:
            raise ValueError("`files` names the files that a `config` would: drop one of them")
        return self

    def readers(self, progress: Progress, fields: Fields, formats: Formats) -> Readers:
        """See Source; the files are brought into the cache first."""
        progress.say(f"looking up the dataset {self.id} ({self.revision}) on the Hugging Face hub")
        if self.files is not None:
            named = named_files(self.id, self.revision, self.files)
            return {split: partial(read_files, [path], fields, formats) for split, path in named.items()}
        files = hub_files(self.id, self.revision, self.config, tuple(formats))
        return {split: partial(read_files, paths, fields, formats) for split, paths in files.items()}

    def chosen(self, rows: list[Row]) -> list[Row]:
        """The rows that `id_prefix` leaves. Raises DataError if it leaves none."""
        chosen = [row for row in rows if row.id.startswith(self.id_prefix)]
        if rows and not chosen:
            raise DataError(
                f"{self.id}: no id begins with '{self.id_prefix}'; they are like '{rows[0].id}'. Change id_prefix, or drop it"
            )
        return chosen


def named_files(id: str, revision: str, files: Mapping[str, str]) -> dict[str, Path]:
    """Bring files of a dataset into the Hugging Face cache: split -> file. Raises DataError if one is not to be had."""
    folder = snapshot("dataset", id, revision, list(files.values()))
    missing = next((name for name in files.values() if not (folder / name).is_file()), None)
    if missing is not None:
        raise DataError(
            f"the dataset {id} ({revision}) has no file '{missing}', or the copy in the cache lacks it: put data.source.files "
            "right; on a machine with network, it is fetched"
        )
    return {split: folder / name for split, name in files.items()}


def hub_files(
    id: str, revision: str = "main", config: str | None = None, others: tuple[str, ...] = ()
) -> dict[str, list[Path]]:
    """Bring a dataset's files into the Hugging Face cache and sort them into splits: name -> files in order.

    The newest commit of `revision` is used where the hub can be reached, else the one in the cache. The
    splits are those that the datasets library finds from the dataset card or the names of the files; no code
    of the dataset runs. others: extensions of text formats beside EXTENSIONS.

    Raises:
        DataError: the dataset cannot be had, or its files are not sorted into splits.
    """
    patterns = readable(others)
    if config is not None:
        patterns = wanted_files(snapshot("dataset", id, revision, ["README.md"]), config, patterns)
    return _splits_of(snapshot("dataset", id, revision, patterns), id, revision, config)


def hub_languages(id: str, revision: str = "main") -> list[str]:
    """The languages that a dataset's card names; none without a card. Raises DataError as `hub_files` does."""
    from huggingface_hub import DatasetCard

    card = snapshot("dataset", id, revision, ["README.md"]) / "README.md"
    named = DatasetCard.load(card).data.language if card.is_file() else None
    return [named] if isinstance(named, str) else list(named or [])


def readable(others: tuple[str, ...]) -> list[str]:
    """Patterns of the files that can be read; others: extensions of text formats beside EXTENSIONS."""
    extensions = (*EXTENSIONS, *others)
    return [*(f"*{extension}{packed}" for extension in extensions for packed in ("", *PACKED)), "README.md"]


def wanted_files(folder: Path, config: str, every: list[str]) -> list[str]:
    """Patterns of the files of a configuration, if the card in `folder` names them; else of all of `every`."""
    from datasets.data_files import sanitize_patterns
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCard

    card = folder / "README.md"
    try:
        known = MetadataConfigs.from_dataset_card_data(DatasetCard.load(card).data) if card.is_file() else {}
    except ValueError:  # of which it is said what is wrong once the files are sorted
        known = {}
    settings = known.get(config, {})
    if "data_files" not in settings or "data_dir" in settings:
        return every
    return ["README.md", *(name for names in sanitize_patterns(settings["data_files"]).values() for name in names)]


def _splits_of(folder: Path, id: str, revision: str, config: str | None) -> dict[str, list[Path]]:
    from datasets import load_dataset_builder
    from datasets.data_files import EmptyDatasetError
    from datasets.exceptions import DataFilesNotFoundError

    try:
        # The builder is asked for its plan only; its lock file goes where it can be thrown away.
        with tempfile.TemporaryDirectory() as scratch:
            builder = load_dataset_builder(str(folder), name=config, cache_dir=scratch)
    except (EmptyDatasetError, DataFilesNotFoundError):
        raise DataError(
            f"the copy of {id} in {folder} holds no data files. {how_to_bring('dataset', id, revision)}"
        ) from None
    except (ValueError, RuntimeError, OSError) as error:
        raise DataError(f"the files of the dataset {id} do not form splits: {error}") from None
    files = builder.config.data_files or {}
    return {str(split): [Path(name) for name in names] for split, names in files.items()}
