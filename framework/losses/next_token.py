"""The loss on what follows each token of a text, the student's against that of teachers with the same tokenizer."""

from typing import TYPE_CHECKING, ClassVar, Literal

from distil.framework.config import Section
from distil.framework.losses.base import Target, Weight

if TYPE_CHECKING:
    from torch import Tensor


class NextToken(Section):
    """KL(teacher ‖ student) of the next token, at each token of a completion and its end, which weigh as those of `hard_label` do. The tokens
    that teachers do not name are one outcome; where they name the whole vocabulary, nothing that they say is left out.

    What distillation between models with one tokenizer is (Hinton et al., arXiv 1503.02531); from the likeliest tokens alone it is never
    more, as outcomes that are taken together tell less apart.
    """

    kind: Literal["next_token"] = "next_token"
    weight: Weight = 1.0
    source: ClassVar[Literal["signal"]] = "signal"
    temperature: ClassVar[float] = 1.0
    rows: ClassVar[str] = "tokens"

    def __call__(self, logits: "Tensor", target: Target) -> "Tensor":
        assert target.signal is not None
        return (target.signal.xlogy(target.signal) - target.signal * logits).sum(-1)  # of tokens logits are log P
