"""Whether the overlapping windows that a tokenizer cuts a context into show all of it."""

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from framework.errors import ModelError
from framework.tasks.span_qa.example import QAExample

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def check_whole(
    example: QAExample, parts: list[NDArray[np.int32]], stride: int, tokenizer: "PreTrainedTokenizerFast"
) -> None:
    """Refuse windows that leave out a part of the context. Raises ModelError.

    parts: of each window the offsets [n, 2] of its context tokens; stride: how many of them neighbours share.
    """
    # The first token of a window may begin a letter late, or lie elsewhere, where a byte-level tokenizer trims spaces.
    agree = all(
        np.array_equal(before[len(before) - stride :][1:], after[1:stride])
        for before, after in itertools.pairwise(parts)
    )
    whole = np.concatenate([parts[0], *(part[stride:] for part in parts[1:])])
    text = example.context
    ends = (int(whole[:, 0].min(initial=len(text))), int(whole[:, 1].max(initial=0)))
    # A tokenizer may drop what it does not know at an end, and windows that hardly overlap tell nothing: counting does.
    if not agree or ((not shows(text, *ends) or stride < 2) and len(whole) != _count(text, tokenizer)):
        raise ModelError(_loss(example, ends))


def shows(text: str, begin: int, end: int) -> bool:
    """Whether the characters from `begin` to `end` are all of a text, but for white space around it."""
    return begin <= len(text) - len(text.lstrip()) and end >= len(text.rstrip())


def _count(context: str, tokenizer: "PreTrainedTokenizerFast") -> int:
    tokens: Any = tokenizer(context, add_special_tokens=False, verbose=False)["input_ids"]
    return len(tokens)


def _loss(example: QAExample, ends: tuple[int, int]) -> str:
    import tokenizers

    return (
        f"question '{example.id}': the windows do not show all of its text of {len(example.context)} characters (what they "
        f"show lies between {ends[0]} and {ends[1]}); they were cut by tokenizers {tokenizers.__version__}, of which 0.23.1 "
        "and 0.23.2 are known to lose windows: install 0.23.3 or later"
    )
