"""Errors that a person is meant to read.

Every message says what was found, what was expected and what to do. All of them take one string, so that they
survive pickling on their way out of a worker process.
"""

import errno

_OF_THIS_MACHINE = {errno.EACCES, errno.EROFS}
# The first two are the system's words, as safetensors and tokenizers pass them on, then SQLite's and torch.save's.
_FULL = (
    "No space left on device",
    "Disk quota exceeded",
    "database or disk is full",
    "enforce fail at inline_container",
)
# CUDA's and other devices' words, then PyTorch's of the machine's own memory, and the system's.
_NO_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory")


class DistilError(Exception):
    """A failure with a message for people; the command line prints it without a traceback."""

    exit_code = 1


class UserError(DistilError):
    """Something that the user can put right: a recipe, data, a model's name, a folder."""

    exit_code = 2


class RecipeError(UserError):
    """A recipe, or an override on the command line, that cannot be read or is not legal."""


class DataError(UserError):
    """Data that is missing or is not extractive question answering in SQuAD form."""


class ModelError(UserError):
    """A model or tokenizer that cannot be found or cannot do what the recipe asks of it."""


class MissingDataError(DataError):
    """A dataset of the hub that is not here, with the hub out of reach."""


class MissingModelError(ModelError):
    """A model of the hub that is not here, with the hub out of reach."""


class OutputError(UserError):
    """A folder that cannot be written, or that holds something else than was expected."""


class StoreError(DistilError):
    """A stored result that is damaged or incomplete."""


class TrainingError(DistilError):
    """Training that could not go on (a lost worker, a loss that is not finite)."""


class TrackingError(DistilError):
    """A tracking server that did not take what was sent."""


class ExportError(DistilError):
    """An exported model that does not answer as the model that it was made of."""


def first_line(error: BaseException) -> str:
    """What an error says, without what follows on further lines, but for one that a colon announces."""
    if isinstance(error, KeyError) and error.args:  # it names the key and nothing else
        key = error.args[0]
        return (f"it has no {key!r}" if isinstance(key, str) else f"KeyError: {key!r}")[:300]
    first, *rest = str(error).strip().splitlines() or [type(error).__name__]
    return (f"{first} {rest[0].strip()}" if rest and first.endswith(":") else first)[:300]


def reason(error: OSError) -> str:
    """Why the system refused something, in words that say of a folder that it is one."""
    if isinstance(error, IsADirectoryError):
        return "it is a folder"
    if isinstance(error, NotADirectoryError | FileExistsError):
        return "there is a file where a folder has to be"
    return error.strerror or str(error)


def is_of_this_machine(error: BaseException) -> bool:
    """Whether its disk or its rights are to blame, and not whoever was asked for something."""
    return disk_is_full(error) or (isinstance(error, OSError) and error.errno in _OF_THIS_MACHINE)


def disk_is_full(error: BaseException) -> bool:
    """Whether a disk without room is to blame: libraries that are not Python's say so in words alone."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return any(words in str(error) for words in _FULL)


def causes(error: BaseException) -> list[BaseException]:
    """What an error came of first, and then what was made of that, by Ray too; the error itself last."""
    cause: object = error
    around: list[BaseException] = []
    while isinstance(cause, BaseException):
        around.append(cause)
        cause = getattr(cause, "cause", None) or getattr(cause, "_base_exc", None) or cause.__cause__
    return around[::-1]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the machine or the GPU has too little memory for what was tried: PyTorch says so in words alone."""
    return isinstance(error, MemoryError) or any(words in str(error).lower() for words in _NO_MEMORY)
