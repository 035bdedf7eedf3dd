"""Texts as a model reads them, by its tokenizer."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from distil.framework.data.records import shortened
from distil.framework.data.window_cache import tokenizer_digest
from distil.framework.errors import ModelError
from distil.framework.generative.prompts import begin_of_text
from distil.framework.models.probe import most_completed
from distil.framework.models.tokenizers import decoder_start, end_of_text
from distil.framework.progress import SILENT, Progress
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.features import TextRows, text_features, text_tokens
from distil.framework.tasks.text.prompts import Prompter, Wording, text_ends
from distil.framework.tasks.text.token_bytes import TokenBytes, token_bytes

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_MOST = 4  # tokenizers
_LEAST = 0.1  # of the bytes of a split: what a tokenizer has to give back
_NAMED, _SHOWN = 3, 40  # examples, and characters of one
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

    def read_split(self, examples: Sequence[Written], progress: Progress = SILENT) -> TextRows:
        """A row for each example of a whole split; how many of them its tokens do not give back is said. Raises ModelError for a tokenizer that gives nearly
        nothing of them back."""
        features = self.read(examples, progress)
        _check_lossy(features, examples, self.prompter.tokenizer, progress)
        return features

    def read(self, examples: Sequence[Written], progress: Progress = SILENT) -> TextRows:
        """A row for each example."""
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
            most_completed(given.tokenizer, self.max_length),
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


def _check_lossy(
    features: TextRows, examples: Sequence[Written], tokenizer: "PreTrainedTokenizerFast", progress: Progress
) -> None:
    """See TextReader.read_split."""
    lossy = [examples[row] for row in np.flatnonzero(features.lost).tolist()]
    if not lossy:
        return
    called = tokenizer.name_or_path or type(tokenizer).__name__
    share = int(features.lost.sum()) / sum(len(one.completion.encode()) for one in examples)
    if share > 1 - _LEAST:
        first = int(np.flatnonzero(features.lost)[0])
        text, lost = lossy[0].completion, int(features.lost[first])
        left = text.encode()[-lost:].decode("utf-8", "ignore")
        made = tokenizer.decode(text_tokens(tokenizer, [text])[0], clean_up_tokenization_spaces=False)
        raise ModelError(
            f"the tokenizer of {called} does not give back the texts that it has read: {share:.0%} of what is to be written comes behind the "
            f"first difference of each, and is lost. Of {text[:_SHOWN]!r} in '{lossy[0].id}' it makes {made[:_SHOWN]!r}, which differ "
            f"from {left[:_SHOWN]!r} on; models of texts need one that loses little"
        )
    named = ", ".join(shortened(one.id) for one in lossy[:_NAMED]) + (", …" if len(lossy) > _NAMED else "")
    progress.say(
        f"    the tokenizer of {called} does not give back {len(lossy)} of {len(examples)} texts, which are read up to the first "
        f"difference: {named}"
    )
