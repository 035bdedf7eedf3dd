"""The losses that a recipe may name, as callables, and what one of one's own is made of.

A loss on logits is called with logits, float32 [R, L], and a `Target`, and returns the loss of each row, [R]. A live loss is
called with the `States` of student and teacher, a mask [B, L] and its projection, and returns the loss of each of B texts, [B].
"""

from distil.framework.losses.base import Linear, Loss, Rows, Target, Temperature, Weight, total_loss
from distil.framework.losses.chunks import Chunk
from distil.framework.losses.live import LiveLoss, LiveTeacherName, States, Wanted, token_mean
from distil.framework.losses.logits import JSD, KL, HardLabel, MSELogits, ReverseKL
from distil.framework.losses.next_token import NextToken
from distil.framework.losses.states import AttentionMSE, HiddenMSE, MiniLMRelations

__all__ = [
    "JSD",
    "KL",
    "AttentionMSE",
    "Chunk",
    "HardLabel",
    "HiddenMSE",
    "Linear",
    "LiveLoss",
    "LiveTeacherName",
    "Loss",
    "MSELogits",
    "MiniLMRelations",
    "NextToken",
    "ReverseKL",
    "Rows",
    "States",
    "Target",
    "Temperature",
    "Wanted",
    "Weight",
    "token_mean",
    "total_loss",
]
