"""Prompts: their templates, and texts as tokens."""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from string import Formatter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from distil.framework.data.offsets import cover
from distil.framework.generative.writer import Ids
from distil.framework.models.tokenizers import told_of_panics

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True)
class Piece:
    """Fixed text or, with `field`, what comes before that field: a space or nothing."""

    text: str
    field: str | None = None


def pieces_of(template: str, required: Sequence[str], optional: Sequence[str], usual: str) -> list[Piece]:
    """Cut a template into pieces. Raises ValueError unless it names the `required` fields once each, and no others but
    `optional` ones; usual: an example for the error.

    A space before a field goes with the field: tokenizers that mark the beginnings of words want it there.
    """
    try:
        pieces = list(_pieces(template, {*required, *optional}))
    except ValueError:
        pieces = []
    named = [piece.field for piece in pieces if piece.field is not None]
    if len(set(named)) < len(named) or not set(required).issubset(named):
        fields = " and ".join(f"{{{field}}}" for field in required)
        raise ValueError(
            f"prompt is {template!r}; expected a text with {fields}, once{' each' if len(required) > 1 else ''} and plain, as in "
            f"{usual!r} (a brace of the text's own is doubled)"
        )
    return pieces


def prompt_problems(teachers: Mapping[str, object], parse: Callable[[str], object]) -> list[str]:
    """What is wrong with the prompts of a recipe's generative and chat teachers, in words. parse: the task's, raises ValueError as
    pieces_of does."""
    problems = []
    for name, teacher in teachers.items():
        prompt = getattr(teacher, "prompt", None)
        if getattr(teacher, "kind", None) in ("generative", "chat") and prompt is not None:
            try:
                parse(prompt)
            except ValueError as error:
                problems.append(f"teachers.{name}.{error}")
    return problems


def _pieces(template: str, legal: Set[str]) -> Iterator[Piece]:
    for fixed, name, form, conversion in Formatter().parse(template):
        if form or conversion or (name is not None and name not in legal):
            raise ValueError(name)
        before = " " if name is not None and fixed.endswith(" ") else ""
        if fixed.removesuffix(before):
            yield Piece(fixed.removesuffix(before))
        if name is not None:
            yield Piece(before, name)


@dataclass(frozen=True)
class Encoded:
    """Tokens, and the characters that they cover."""

    ids: Ids
    spans: NDArray[np.int32]  # [L, 2], characters


def encode(tokenizer: "PreTrainedTokenizerFast", text: str) -> Encoded:
    """The tokens of a text, without special ones."""
    with told_of_panics(tokenizer):
        found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    offsets = np.asarray(found["offset_mapping"], np.int32).reshape(-1, 2)
    return Encoded(
        np.asarray(found["input_ids"], np.int32), cover([text], offsets, np.asarray([0, len(offsets)])).spans
    )


def begin_of_text(tokenizer: "PreTrainedTokenizerFast") -> list[int]:
    """The begin-of-text token, if the tokenizer puts one before a text."""
    begin = tokenizer.bos_token_id
    return [] if begin is None or tokenizer("a")["input_ids"][:1] != [begin] else [int(begin)]
