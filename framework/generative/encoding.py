"""Texts as tokens, without special ones."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from framework.data.offsets import cover
from framework.data.panics import told_of_panics
from framework.generative.tensors import Ids

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


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
