"""Texts as a model reads them: cut to its length, or as windows whose logits are pooled."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from distil.framework.data.features import TokenRows, WindowSettings
from distil.framework.models.tokenizers import told_of_panics
from distil.framework.progress import SILENT, Progress
from distil.framework.tasks.classification.data import Text

if TYPE_CHECKING:
    from tokenizers import Encoding
    from transformers import PreTrainedTokenizerFast

LongTexts = Literal["truncate", "pool"]
_CHUNK = 512  # texts tokenised at once


def text_features(
    examples: Sequence[Text],
    tokenizer: "PreTrainedTokenizerFast",
    windows: WindowSettings,
    long_texts: LongTexts,
    progress: Progress = SILENT,
) -> TokenRows:
    """The tokens of every text, or pair of texts, of at most `windows.max_length` tokens.

    truncate: one row a text; of a pair the longer one is cut first. pool: as many overlapping rows as it takes to show
    the whole text; the second of a pair, of which half of a row is shown at most, stands in each.

    Raises RecipeError if rows of this length have no room for a text.
    """
    tokenizer.truncation_side = "right"
    ids: list[NDArray[np.int32]] = []
    types: list[NDArray[np.int8]] = []
    owners: list[int] = []
    with progress.task("tokenise", len(examples)) as bar, told_of_panics(tokenizer):
        for begin in range(0, len(examples), _CHUNK):
            chunk = examples[begin : begin + _CHUNK]
            encodings = _encode(chunk, tokenizer, windows, long_texts)
            ids += [np.asarray(encoding.ids, np.int32) for _, encoding in encodings]
            types += [np.asarray(encoding.type_ids, np.int8) for _, encoding in encodings]
            owners += [begin + number for number, _ in encodings]
            bar.advance(len(chunk))
    return TokenRows(
        rows=np.concatenate([[0], np.cumsum([len(row) for row in ids])]).astype(np.int64),
        input_ids=np.concatenate([*ids, np.empty(0, np.int32)]),
        token_types=np.concatenate([*types, np.empty(0, np.int8)])
        if "token_type_ids" in tokenizer.model_input_names
        else None,
        example=np.asarray(owners, np.int32),
    )


def _encode(
    chunk: Sequence[Text], tokenizer: "PreTrainedTokenizerFast", windows: WindowSettings, long_texts: LongTexts
) -> "list[tuple[int, Encoding]]":
    """Every row with the number of its text in the chunk. Texts with and without a second one may stand side by side."""
    found: list[tuple[int, Encoding]] = []
    for paired in (False, True):
        numbers = [number for number, text in enumerate(chunk) if (text.pair is not None) == paired]
        if not numbers:
            continue
        texts = [chunk[number].text for number in numbers]
        pairs = [chunk[number].pair or "" for number in numbers]
        if long_texts == "truncate":
            encoded = tokenizer(
                texts, pairs if paired else None, truncation="longest_first", max_length=windows.max_length
            )
            found += zip(numbers, encoded.encodings, strict=True)
            continue
        if paired:
            pairs = halved(pairs, tokenizer, windows.max_length)
        room = windows.max_length // (2 if paired else 1) - tokenizer.num_special_tokens_to_add(pair=paired)
        windows.check_room(room)
        encoded = tokenizer(
            texts,
            pairs if paired else None,
            truncation="only_first",
            max_length=windows.max_length,
            stride=windows.doc_stride,
            return_overflowing_tokens=True,
        )
        found += zip(
            [numbers[place] for place in encoded["overflow_to_sample_mapping"]], encoded.encodings, strict=True
        )
    return sorted(found, key=lambda pair: pair[0])  # stable: windows stay in order


def halved(texts: list[str], tokenizer: "PreTrainedTokenizerFast", length: int) -> list[str]:
    """The beginnings of texts, of at most half as many tokens as a row has."""
    offsets = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    return [
        text if len(spans) <= length // 2 else text[: spans[length // 2 - 1][1]]
        for text, spans in zip(texts, offsets, strict=True)
    ]
