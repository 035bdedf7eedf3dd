"""Answers that machines without a common disk share by way of a storage, in files of JSON lines that are added and never changed."""

from pathlib import Path

from distil.framework.chat.answers import Answers, line_of
from distil.framework.digest import digest_of_strings
from distil.framework.files import write_atomic
from distil.framework.storage import Storage


class SharedAnswers:
    """The answers of one model in a storage. All methods raise OutputError where that cannot be reached."""

    def __init__(self, storage: Storage, here: Path) -> None:
        """here: the file of these answers on this machine."""
        self._storage, self._here = storage, here
        self._folder = f"store/answers/{here.stem}"
        self._read: set[str] = set()
        self._there: set[str] = set()

    def pull(self, answers: Answers) -> None:
        """Take in what other machines have left there since the last time."""
        for name in sorted({*self._storage.names(self._folder)} - self._read):
            content = self._storage.read(f"{self._folder}/{name}")
            self._there |= answers.take_in(content or b"")
            self._read.add(name)

    def push(self, answers: Answers) -> None:
        """Leave there what is here alone."""
        new = {key: answer for key, answer in answers.all.items() if key not in self._there}
        if not new:
            return
        lines = [line_of(key, answer) for key, answer in new.items()]
        name = f"{digest_of_strings(new)}.jsonl"
        part = self._here.with_suffix(f".{name}")
        write_atomic(part, b"\n".join(lines) + b"\n")
        try:
            self._storage.put(part, f"{self._folder}/{name}")
        finally:
            part.unlink()
        self._there |= new.keys()
        self._read.add(name)
