"""Prompts and completions that are read apart, by the two sides of an encoder-decoder."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from distil.framework.data.batches import Rows, padded_lengths

if TYPE_CHECKING:
    from torch import Tensor

    from distil.framework.tasks.text.features import TextRows


def side_lengths(features: "TextRows") -> NDArray[np.int64]:
    """To how many tokens the prompt and the completion of every row are padded, which depends on the row alone. [E, 2]"""
    most_decoded = features.most_completed - 1 + len(features.decoder_start)
    sides = ((features.begin.astype(np.int64), features.longest), (features.decoded, most_decoded))
    return np.stack([padded_lengths(lengths, most) for lengths, most in sides], 1)


def decoder_length(features: "TextRows", rows: Rows) -> int:
    """Tokens of the completions in a batch of the `rows`, those before them and what fills them up included."""
    return int(side_lengths(features)[rows, 1].max())


def side_inputs(features: "TextRows", rows: Rows, pad_id: int) -> "dict[str, Tensor]":
    """What the two sides read, int64 [B, …]. What fills a completion up comes after it, where no token that counts can look."""
    from distil.framework.generative.writer import padded

    start = np.asarray(features.decoder_start, np.int32)
    prompts, begun = [], []
    for row in rows:
        ids, begin = features.input_ids[features.slice_of(int(row))], int(features.begin[row])
        prompts.append(ids[:begin])
        begun.append(np.concatenate([start, ids[begin:-1]]))
    read, written = side_lengths(features)[rows].max(0).tolist()
    decoded = padded(begun, pad_id, written)
    return {
        "input_ids": padded(prompts, pad_id, read),
        "attention_mask": padded([np.ones_like(prompt) for prompt in prompts], 0, read),
        "decoder_input_ids": decoded,
        "decoder_attention_mask": decoded.new_ones(decoded.shape),
    }
