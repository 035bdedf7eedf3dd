"""Texts as a model reads them, by its tokenizer."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from distil.framework.data.window_cache import tokenizer_digest
from distil.framework.generative.prompts import begin_of_text
from distil.framework.models.tokenizers import decoder_start, end_of_text
from distil.framework.progress import SILENT, Progress
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.features import TextRows, text_features
from distil.framework.tasks.text.prompts import Prompter, Wording, text_ends
from distil.framework.tasks.text.token_bytes import TokenBytes, token_bytes

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_MOST = 4  # tokenizers
_tables: OrderedDict[str, TokenBytes] = OrderedDict()


@dataclass(frozen=True)
class TextReader:
    """Makes rows of tokens of examples. table: the bytes of the tokenizer's tokens; max_length: tokens of a row at most."""

    prompter: Prompter
    table: TokenBytes
    max_length: int

    @property
    def pad_id(self) -> int:
        """What fills up a batch, which no token before it sees."""
        return int(self.prompter.tokenizer.pad_token_id)

    def read(self, examples: Sequence[Written], progress: Progress = SILENT) -> TextRows:
        """A row for each example. Raises ModelError for a tokenizer that loses part of a text."""
        given = self.prompter
        begun = decoder_start(given.tokenizer)
        return text_features(
            examples,
            given.tokenizer,
            self.table,
            given.end,
            given.start,
            self.max_length,
            progress,
            given.wording,
            begun,
        )


def text_reader(tokenizer: "PreTrainedTokenizerFast", wording: Wording, max_length: int) -> TextReader:
    """wording: of prompts. Raises ModelError for a tokenizer whose tokens are no parts of a text, or that has none to end it."""
    end = end_of_text(tokenizer)
    prompter = Prompter(tokenizer, wording, begin_of_text(tokenizer), end, bool(decoder_start(tokenizer)))
    return TextReader(prompter, _table(tokenizer, text_ends(tokenizer, end)), max_length)


def _table(tokenizer: "PreTrainedTokenizerFast", ends: Sequence[int]) -> TokenBytes:
    """The bytes of all tokens, found once for the last few tokenizers."""
    key = f"{tokenizer_digest(tokenizer)} {ends}"
    if key not in _tables:
        _tables[key] = token_bytes(tokenizer, ends)
    _tables.move_to_end(key)
    while len(_tables) > _MOST:
        _tables.popitem(last=False)
    return _tables[key]
