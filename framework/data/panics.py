"""Tokenizers whose library gives up on a text, as on a pattern of a tokenizer.json that would be tried without end."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from framework.errors import ModelError, first_line


@contextmanager
def told_of_panics(tokenizer: Any) -> Iterator[None]:
    """Around the use of a tokenizer. Raises ModelError where the library gives up."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # which is no Exception, and which no module exports
            raise
        raise ModelError(
            f"the tokenizer {type(tokenizer).__name__} of {tokenizer.name_or_path or 'this run'} cannot read a text "
            f"({first_line(error)}); take another one, or put the patterns of its tokenizer.json right"
        ) from None
