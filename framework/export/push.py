"""Putting an exported model on the Hugging Face hub. Tokens are where huggingface_hub looks for them, and nowhere else."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from distil.framework.errors import OutputError, UserError, first_line, is_of_this_machine
from distil.framework.export.export import EXPORT
from distil.framework.files import read_json
from distil.framework.manifest import check_saved


def check_id(id: str) -> None:
    """Raises UserError for what cannot be the name of a repository."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # documented, and not listed

    try:
        validate_repo_id(id)
    except HFValidationError as error:
        raise UserError(f"'{id}' cannot be a name on the hub ({first_line(error)}); expected owner/name") from None
    if "/" not in id:
        raise UserError(f"'{id}' names no owner; expected owner/name, such as me/{id}")


def check_token() -> None:
    """Raises UserError where there is no token, without which nothing can be put on the hub."""
    from huggingface_hub import get_token

    if get_token() is None:
        raise UserError("the hub takes models from those it knows: log in with `hf auth login`, or set HF_TOKEN")


def files_of(folder: Path) -> list[tuple[str, int]]:
    """The files of an exported model, with their sizes in bytes. Raises OutputError for another folder, StoreError for damaged files."""
    if not (folder / EXPORT).is_file():
        raise OutputError(
            f"{folder} is no exported model: expected a folder with {EXPORT}, as `distil export` makes it"
        )
    check_saved(folder)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(path.relative_to(folder).as_posix(), path.stat().st_size) for path in paths]


def push_folder(folder: Path, id: str, public: bool) -> str:
    """Put the files of an exported model into the repository `id`, in one commit, and return its address.

    A repository that is not there is made, private unless `public`; one that is there has to be so already. Raises UserError for
    what the hub does not allow, or if it cannot be reached, and as `files_of` does.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    names = [name for name, _ in files_of(folder)]
    origin = read_json(folder / EXPORT)
    message = f"{origin['model']['name']} of {origin['run']}, by distil"
    api = HfApi()
    with _told(id):
        try:
            private = bool(api.model_info(id).private)
        except RepositoryNotFoundError:
            api.create_repo(id, private=not public)
        else:
            _check_visibility(id, private, public)
        api.upload_folder(repo_id=id, folder_path=folder, allow_patterns=names, commit_message=message)
    return f"{api.endpoint}/{id}"


def _check_visibility(id: str, private: bool, public: bool) -> None:
    if not private and not public:
        raise UserError(f"{id} is there, and everybody can read it; add --public if that is meant, or name another one")
    if private and public:
        raise UserError(f"{id} is there, and private; make it public in its settings on the hub, or drop --public")


@contextmanager
def _told(id: str) -> Iterator[None]:
    """What the hub refuses, in words that say what to do."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        yield
    except UserError:
        raise
    except OfflineModeIsEnabled:
        raise UserError("HF_HUB_OFFLINE forbids to ask the hub; unset it") from None
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status == 401:
            raise UserError(
                "the hub does not take this token; log in anew with `hf auth login`, or set HF_TOKEN"
            ) from None
        if status == 403:
            raise UserError(
                f"this token may not write to {id}; make one that may write, at the hub's settings, and log in with it "
                "(`hf auth login`), or name a repository of your own"
            ) from None
        raise UserError(f"the hub does not take {id} ({first_line(error)})") from None
    except Exception as error:  # whatever its network library raises, which is no part of its interface
        if is_of_this_machine(error):
            raise
        raise UserError(
            f"{id} could not be put on the hub ({first_line(error)}); the same command tries again"
        ) from None
