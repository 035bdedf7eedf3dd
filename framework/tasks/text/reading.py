"""Texts as a model reads them, by its tokenizer."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from distil.framework.data.window_cache import tokenizer_digest
from distil.framework.generative.prompts import begin_of_text
from distil.framework.models.tokenizers import end_of_text
from distil.framework.progress import SILENT, Progress
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.features import TextRows, text_features
from distil.framework.tasks.text.token_bytes import TokenBytes, token_bytes

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_MOST = 4  # tokenizers
_tables: OrderedDict[str, TokenBytes] = OrderedDict()


@dataclass(frozen=True)
class TextReader:
    """Makes rows of tokens of examples. table: the bytes of the tokenizer's tokens; start: tokens before a text; max_length: tokens of
    a row at most."""

    tokenizer: "PreTrainedTokenizerFast"
    table: TokenBytes
    start: Sequence[int]
    max_length: int

    def read(self, examples: Sequence[Written], progress: Progress = SILENT) -> TextRows:
        """A row for each example. Raises ModelError for a tokenizer that loses part of a text."""
        end = end_of_text(self.tokenizer)
        return text_features(examples, self.tokenizer, self.table, end, self.start, self.max_length, progress)


def text_reader(tokenizer: "PreTrainedTokenizerFast", max_length: int) -> TextReader:
    """Raises ModelError for a tokenizer whose tokens are no parts of a text, or that has none to end it."""
    return TextReader(tokenizer, _table(tokenizer), begin_of_text(tokenizer), max_length)


def _table(tokenizer: "PreTrainedTokenizerFast") -> TokenBytes:
    """The bytes of all tokens, found once for the last few tokenizers."""
    end = end_of_text(tokenizer)
    key = f"{tokenizer_digest(tokenizer)} {end}"
    if key not in _tables:
        _tables[key] = token_bytes(tokenizer, [end])
    _tables.move_to_end(key)
    while len(_tables) > _MOST:
        _tables.popitem(last=False)
    return _tables[key]
