"""What of an error is said."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer, models

from distil.framework.errors import disk_is_full, first_line, is_of_this_machine, is_out_of_memory


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("no such field\nhere is more"), "no such field"),
        (
            ValueError("Validation error for field 'size':\n    expected int, got str\nmore"),
            "Validation error for field 'size': expected int, got str",
        ),
        (ValueError("it ends here:"), "it ends here:"),
        (KeyError(), "KeyError"),
        (KeyError("size"), "it has no 'size'"),
        (KeyError(1), "KeyError: 1"),
        (ValueError("x" * 400), "x" * 300),
    ],
)
def test_the_first_line_is_said_and_what_it_announces(error: Exception, said: str) -> None:
    assert first_line(error) == said


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_is_known_by_number_or_words(error: Exception) -> None:
    assert disk_is_full(error)
    assert is_of_this_machine(error)


def _save_tokenizer(path: Path) -> None:
    Tokenizer(models.WordLevel({f"w{number}": number for number in range(5000)}, unk_token="w0")).save(str(path))


def _save_tensors(path: Path) -> None:
    torch.save({"a": torch.zeros(100_000)}, path)


@pytest.mark.parametrize("save", [_save_tokenizer, _save_tensors])
def test_what_libraries_raise_on_a_full_disk(save: Callable[[Path], None], tmp_path: Path) -> None:
    (tmp_path / "file").symlink_to("/dev/full")
    with pytest.raises(Exception, match=r"No space|fail") as caught:
        save(tmp_path / "file")
    assert disk_is_full(caught.value)


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "Permission denied"), RuntimeError("shapes do not match")])
def test_other_errors_are_not_the_disks(error: Exception) -> None:
    assert not disk_is_full(error)


def test_too_little_memory_is_known_by_kind_or_words() -> None:
    with pytest.raises(RuntimeError) as of_the_machine:
        torch.empty(10**15)
    with pytest.raises(MemoryError) as of_numpy:
        np.empty(10**15)
    assert all(
        map(
            is_out_of_memory,
            (
                of_the_machine.value,
                of_numpy.value,
                torch.OutOfMemoryError("CUDA out of memory"),
                OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),  # of a fork, or a file that is mapped
            ),
        )
    )
    assert not is_out_of_memory(RuntimeError("shapes do not match"))
