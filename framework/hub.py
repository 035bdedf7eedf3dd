"""Models and datasets of the Hugging Face hub, brought into its local cache."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from distil.framework.errors import (
    DataError,
    MissingDataError,
    MissingModelError,
    ModelError,
    UserError,
    first_line,
    is_of_this_machine,
)


@dataclass(frozen=True)
class _Kind:
    error: type[UserError]
    missing: type[UserError]  # with the hub out of reach
    no_id: str
    instead: str  # of bringing it


_KINDS = {
    "dataset": _Kind(DataError, MissingDataError, "is not the id of a dataset; expected owner/name", ""),
    "model": _Kind(
        ModelError,
        MissingModelError,
        "is neither a folder nor a hub id; expected owner/name or an existing folder",
        "; or give the model as kind: folder",
    ),
}


def snapshot(kind: Literal["dataset", "model"], id: str, revision: str, patterns: list[str]) -> Path:
    """The folder of a revision, named by its commit, with the files of some patterns; what is in the cache is not fetched
    again.

    Raises DataError or ModelError where they cannot be had, MissingDataError or MissingModelError with the hub out of reach.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    words = _KINDS[kind]
    try:
        return Path(snapshot_download(id, repo_type=kind, revision=revision, allow_patterns=patterns))
    except HFValidationError:
        problem = f"'{id}' {words.no_id}"
    except GatedRepoError:
        problem = f"the {kind} {id} asks for its terms to be accepted: do so on its page, then `hf auth login`"
    except RepositoryNotFoundError:
        problem = f"the hub has no {kind} {id}, or it is private; check the id, or log in with `hf auth login`"
    except RevisionNotFoundError:
        problem = f"the {kind} {id} has no revision '{revision}'; check it on the {kind}'s page"
    except LocalEntryNotFoundError:
        raise words.missing(
            f"the {kind} {id} ({revision}) is not in the local cache and {_distance()}. {how_to_bring(kind, id, revision)}"
        ) from None
    except Exception as error:  # whatever its network library raises, which is no part of its interface
        if is_of_this_machine(error):
            raise
        problem = f"the {kind} {id} could not be fetched: {first_line(error)[:160]}. {how_to_bring(kind, id, revision)}"
    raise words.error(problem)


def how_to_bring(kind: Literal["dataset", "model"], id: str, revision: str) -> str:
    """How what is not here gets into the cache, as a sentence without its full stop."""
    from huggingface_hub import constants

    of_kind = "" if kind == "model" else f"--repo-type {kind} "
    at = "" if revision == "main" else f" --revision {revision}"
    return (
        f"On a machine with network run `hf download {of_kind}{id}{at}`, then copy its cache to {constants.HF_HUB_CACHE} here, "
        f"or point HF_HOME at a copy{_KINDS[kind].instead}"
    )


def _distance() -> str:
    from huggingface_hub import constants

    return "HF_HUB_OFFLINE forbids to ask the hub" if constants.HF_HUB_OFFLINE else "the hub cannot be reached"
