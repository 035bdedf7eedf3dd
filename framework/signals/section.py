"""How teachers' signals are stored, and when teachers are asked."""

from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from distil.framework.config import MOST_BATCH, BatchTokens, Section
from distil.framework.segments import Ints


class SignalSettings(Section):
    """The store of teachers' signals."""

    mode: Literal["auto", "precomputed", "streamed"] = Field(
        default="auto",
        description="precomputed: before the student is trained; streamed: by Ray actors that run ahead of the student in "
        "its first epoch; auto: streamed where teachers' `actor` asks for GPUs that the student leaves, else precomputed.",
    )
    ahead: int = Field(
        default=4, ge=1, le=10_000, description="Batches that streaming teachers run ahead of the student."
    )
    held_out: str | None = Field(
        default=None,
        description="Labelled split on which teachers' temperatures are calibrated and their F1 is taken for weights; not "
        "evaluation.split.",
    )
    top_k: int = Field(
        default=16, ge=1, le=4096, description="Positions kept of the start and of the end distribution."
    )
    shard_size: int = Field(
        default=1024, ge=1, le=1_000_000, description="Examples a file; a stopped collection repeats two at most."
    )
    batch_size: int | None = Field(
        default=None, ge=1, le=MOST_BATCH, description="Windows a forward pass of a teacher at most; null: any number."
    )
    batch_tokens: BatchTokens = Field(
        default="auto",
        description="Tokens a forward pass of a teacher at most, what fills windows up included; a window always passes. "
        "auto: 4,096 on a CPU, 32,768 on a GPU.",
    )

    @model_validator(mode="after")
    def _check(self) -> "SignalSettings":
        # The default may be spelled out, as a resolved recipe does.
        if self.mode == "precomputed" and self.ahead != SignalSettings.model_fields["ahead"].default:
            raise ValueError(
                "`ahead` is for teachers that stream, and mode is 'precomputed': drop `ahead`, or change mode"
            )
        return self


_TOKEN, _NUMBER = 4, 4  # bytes of a text for each of its tokens, and of a token's number


def signal_bytes(settings: SignalSettings, examples: int, sizes: Ints, text: int = 0) -> int:
    """About how many bytes signals about so many examples take on disk. sizes: how many outcomes each of their heads has, [H]; text: bytes of
    all texts about which next tokens are stored, too."""
    if not len(sizes):
        return 0
    number = 1 if sizes.max() < 255 else 2  # bytes of one of the outcomes, and of how many are left out
    entries = int(np.minimum(sizes, settings.top_k).sum())
    next_tokens = 5 * text + (2 + _NUMBER) * settings.top_k * text // _TOKEN
    return 20 * examples + (3 + number) * len(sizes) + (2 + number) * entries + next_tokens
