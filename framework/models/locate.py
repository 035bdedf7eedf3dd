"""Finding a model's or tokenizer's files: in a folder, in the hub's local cache, or on the hub."""

from pathlib import Path

from framework.digest import digest_of_files
from framework.errors import MissingModelError, ModelError, first_line, is_of_this_machine
from framework.models.folder_files import SMALL_FILES, check_folder, check_headers
from framework.models.section import FolderModel, HubModel


def locate(source: HubModel | FolderModel, weights: bool = False) -> Path:
    """The folder with the model's configuration and tokenizer and, with `weights`, its weights.

    Raises ModelError where they cannot be had, saying what is missing and how to bring it.
    """
    if isinstance(source, FolderModel):
        folder = _local(source.path)
    else:
        folder = _from_hub(source.id, source.revision, SMALL_FILES)
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
    if Path(id_or_path).expanduser().is_dir():
        folder = _local(id_or_path)
    else:
        folder = _from_hub(id_or_path, revision or "main", SMALL_FILES)
    check_folder(folder)
    return folder


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


def _from_hub(name: str, revision: str, patterns: list[str]) -> Path:
    """The snapshot's folder, whose name is the commit; files already in the cache are not fetched again."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=patterns))
    except HFValidationError:
        raise ModelError(
            f"'{name}' is neither a folder nor a hub id; expected owner/name or an existing folder"
        ) from None
    except GatedRepoError:
        raise ModelError(
            f"the model '{name}' asks for its terms to be accepted: do so on its page, then `hf auth login`"
        ) from None
    except RepositoryNotFoundError:
        raise ModelError(
            f"the hub has no model '{name}', or it is private; check the id, or log in with `hf auth login`"
        ) from None
    except RevisionNotFoundError:
        raise ModelError(f"the model '{name}' has no revision '{revision}'; check it on the model's page") from None
    except LocalEntryNotFoundError:
        raise MissingModelError(
            f"the model '{name}' ({revision}) is not in the local cache and {_distance()}. "
            f"{_how_to_bring(name, revision)}"
        ) from None
    except Exception as error:  # whatever its network library raises, which is no part of its interface
        if is_of_this_machine(error):
            raise
        raise ModelError(
            f"the model '{name}' could not be fetched: {first_line(error)[:160]}. {_how_to_bring(name, revision)}"
        ) from None


def _distance() -> str:
    from huggingface_hub import constants

    return "HF_HUB_OFFLINE forbids to ask the hub" if constants.HF_HUB_OFFLINE else "the hub cannot be reached"


def _how_to_bring(name: str, revision: str) -> str:
    from huggingface_hub import constants

    at = "" if revision == "main" else f" --revision {revision}"
    return (
        f"On a machine with network run `hf download {name}{at}`, then copy its cache to {constants.HF_HUB_CACHE} here "
        "or point HF_HOME at a copy; or give the model as kind: folder"
    )


def _with_weights(source: HubModel | FolderModel, folder: Path) -> Path:
    if isinstance(source, HubModel):
        folder = _from_hub(source.id, source.revision, [*SMALL_FILES, "*.safetensors"])
    if any(folder.glob("*.safetensors")):
        return folder
    if source.pickled_weights == "refuse":
        raise ModelError(
            f"{_name(source)}: no *.safetensors in {folder}. {_bring_weights(source)}. Weights that exist only as a "
            "pickle (pytorch_model.bin) are read, as tensors and nothing else, where the recipe says "
            "`pickled_weights: tensors_only`"
        )
    if isinstance(source, HubModel):
        folder = _from_hub(source.id, source.revision, [*SMALL_FILES, "pytorch_model*.bin"])
    if not any(folder.glob("pytorch_model*.bin")):
        raise ModelError(
            f"{_name(source)}: neither *.safetensors nor pytorch_model.bin in {folder}; the configuration is there, "
            f"the weights are not. {_bring_weights(source)}"
        )
    return folder


def _bring_weights(source: HubModel | FolderModel) -> str:
    return _how_to_bring(source.id, source.revision) if isinstance(source, HubModel) else "Put them there"


def _name(source: HubModel | FolderModel) -> str:
    return source.id if isinstance(source, HubModel) else source.path
