"""Answers of a language model, kept as they come: a file of JSON lines to which they are added, by what was asked.

Whoever is killed loses what had not come yet. A line that was cut short, or that does not fit its checksum, is passed over.
"""

import json
import os
import re
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from distil.framework.digest import digest_of
from distil.framework.files import crc_of, make_folder


@dataclass(frozen=True)
class Usage:
    """What was asked and answered: requests, and tokens as the server counts them."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.requests + other.requests,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
        )

    def __sub__(self, other: "Usage") -> "Usage":
        return self + Usage(-other.requests, -other.input_tokens, -other.output_tokens)

    @property
    def tokens(self) -> int:
        """Read and written."""
        return self.input_tokens + self.output_tokens


class Token(BaseModel):
    """A token of an answer. log_p: its logarithm of probability; others: texts and those of the likeliest tokens in its place."""

    model_config = ConfigDict(frozen=True)

    text: str
    log_p: float
    others: list[tuple[str, float]] = []


class Answer(BaseModel):
    """What a model has answered. tokens: where their likelihoods were asked for; scores: of the request's candidates each the
    logarithm of the probability that the answer begins with it, and with none that goes on from it; requests, input_tokens,
    output_tokens: of several answers to one request the first has all of them; seconds: until it came; cut: whether it was cut off
    where it had its most tokens; copied: whether it is kept, and counted as spent, under another key, too."""

    model_config = ConfigDict(frozen=True)

    text: str
    tokens: list[Token] = []
    scores: list[float] = []
    requests: int = 1
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    cut: bool = False
    copied: bool = False

    @property
    def without_likelihoods(self) -> "Answer":
        """The same, for who asks for no likelihoods; it was paid for already."""
        return self.model_copy(update={"tokens": [], "copied": True})

    @property
    def usage(self) -> Usage:
        """What it took."""
        return Usage(self.requests, self.input_tokens, self.output_tokens)


def lost_key() -> str:
    """By what is kept that something was spent on nothing that was asked for."""
    return f"lost {uuid.uuid4().hex}"


def answers_file(folder: Path, model: str) -> Path:
    """Where the answers of a model lie, whatever server gave them."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", model).strip("-.")[-60:]
    return folder / f"{name}-{digest_of(model)}.jsonl"


class Answers:
    """The answers in a file. Threads may add to it; processes take turns, and `refresh` first. spent: what all of them took."""

    def __init__(self, path: Path | None) -> None:
        """path: None keeps them in memory alone."""
        self.spent = Usage()
        self._path, self._read = path, 0
        self._found: dict[str, Answer] = {}
        self._adding = threading.Lock()
        self.refresh()

    def get(self, key: str) -> Answer | None:
        """The answer to what has this key."""
        return self._found.get(key)

    def refresh(self) -> None:
        """Take in what others have added."""
        if self._path is None or not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            added = file.read()
        whole = added.rfind(b"\n") + 1
        self._read += whole
        for line in added[:whole].splitlines():
            self._take(line)

    def add(self, key: str, answer: Answer) -> None:
        """Keep an answer; it is on disk when this returns."""
        self.add_all({key: answer})

    def add_all(self, answers: Mapping[str, Answer]) -> None:
        """Keep some answers, by their keys; they are on disk when this returns."""
        with self._adding:
            if self._path is not None:
                make_folder(self._path.parent)
                with self._path.open("ab") as file:
                    # After a line that was cut short a new one begins.
                    torn = file.tell() > self._read
                    lines = b"\n".join(line_of(key, answer) for key, answer in answers.items())
                    file.write((b"\n" if torn else b"") + lines + b"\n")
                    file.flush()
                    os.fsync(file.fileno())
                    self._read = file.tell()
            for key, answer in answers.items():
                self._note(key, answer)

    def lose(self, usage: Usage) -> None:
        """Note what was spent without an answer."""
        self.add(
            lost_key(),
            Answer(
                text="", requests=usage.requests, input_tokens=usage.input_tokens, output_tokens=usage.output_tokens
            ),
        )

    @property
    def all(self) -> Mapping[str, Answer]:
        """All answers, and notes of what was lost, by their keys."""
        return self._found

    def take_in(self, lines: bytes) -> set[str]:
        """Answers from another place, which are not written here; returns their keys."""
        found = dict(filter(None, map(_answer_in, lines.splitlines())))
        with self._adding:
            for key in found.keys() - self._found.keys():
                self._note(key, found[key])
        return set(found)

    def _take(self, line: bytes) -> None:
        found = _answer_in(line)
        if found is not None:
            self._note(*found)

    def _note(self, key: str, answer: Answer) -> None:
        self._found.setdefault(key, answer)
        if not answer.copied:
            self.spent += answer.usage


def line_of(key: str, answer: Answer) -> bytes:
    """An answer as it is kept, without the end of the line."""
    values = {"key": key, "answer": answer.model_dump(mode="json", exclude_defaults=True)}
    return json.dumps({**values, "crc32": crc_of(values)}, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _answer_in(line: bytes) -> tuple[str, Answer] | None:
    """What a line holds; None of one that is damaged."""
    try:
        values = json.loads(line.decode("utf-8", "surrogatepass"))
        if values.pop("crc32") == crc_of(values):
            return str(values["key"]), Answer.model_validate(values["answer"])
    except (ValueError, KeyError, TypeError, AttributeError, ValidationError):
        pass
    return None
