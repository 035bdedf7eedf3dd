"""Next tokens, of which a teacher names the likeliest and the others together: read off logits over a whole vocabulary, a part of the rows
after the other, so that nothing more of that size is kept."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from distil.framework.tasks.text.token_mass import above, parts

if TYPE_CHECKING:
    from torch.autograd.function import FunctionCtx

_LEAST = 1e-30


def likeliest(logits: Tensor, tokens: int, count: int) -> Tensor:
    """Of M rows of logits [M, V] the `count` likeliest of the first `tokens` tokens, the others of which have no part: their log P, their
    numbers, which float32 holds, and log P of all others together. float32 [M, 2 · count + 1]"""
    count = min(count, tokens, logits.shape[1])
    found = torch.empty(len(logits), 2 * count + 1, device=logits.device)
    for part in parts(logits):
        log_p = logits[part, :tokens].float().log_softmax(-1)
        best, which = log_p.topk(count)
        others = log_p.exp().scatter_(1, which, 0.0).sum(-1, keepdim=True).log()
        found[part] = torch.cat([best, which.float(), others], 1)
    return found


def named_tokens(logits: Tensor, target: Tensor, keys: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """log P of the tokens that stand there, float32 [M], of those that are named, float32 [M, K], and of all others together, float32 [M].

    logits: [M, V]; target: int64 [M]; keys: int64 [M, K], different ones in a row, -1 of none, for which log P is no figure of anything.
    """
    found: tuple[Tensor, Tensor, Tensor] = _NamedTokens.apply(logits, target, keys)  # type: ignore[no-untyped-call]
    return found


class _NamedTokens(torch.autograd.Function):
    @staticmethod
    def forward(ctx: "FunctionCtx", logits: Tensor, target: Tensor, keys: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See named_tokens."""
        scale = torch.empty(len(logits), device=logits.device)
        others = torch.empty_like(scale)
        for part in parts(logits):
            peak = logits[part].amax(-1).float()
            mass = above(logits[part], peak)
            scale[part] = peak + mass.sum(-1).log()
            others[part] = peak + _without(mass, keys[part]).sum(-1).clamp_min(_LEAST).log() - scale[part]
        of_target = logits.gather(1, target[:, None]).squeeze(1).float() - scale
        named = logits.gather(1, keys.clamp_min(0)).float() - scale[:, None]
        ctx.save_for_backward(logits, target, keys, scale, others)
        return of_target, named, others

    @staticmethod
    def backward(ctx: "FunctionCtx", *gradients: Tensor) -> tuple[Tensor, None, None]:
        """With respect to the logits: log P of a token has 1 - p at its own and -p at all others; that of the others together, q, has
        p / q - p at each of them and -p at those that are named."""
        logits, target, keys, scale, others = ctx.saved_tensors  # type: ignore[attr-defined]
        of_target, of_named, of_others = gradients
        of_named = of_named.masked_fill(keys < 0, 0.0)
        everywhere, at_others = of_target + of_named.sum(-1) + of_others, of_others / others.exp()
        found = torch.empty_like(logits)
        for part in parts(logits):
            each = above(logits[part], scale[part])
            # Not taken off again where a token is named: of much the same numbers little would be left.
            unnamed = _without(each, keys[part]).mul_(at_others[part, None])
            each = unnamed.sub_(each.mul_(everywhere[part, None]))
            each.scatter_add_(1, keys[part].clamp_min(0), of_named[part])
            each.scatter_add_(1, target[part, None], of_target[part, None])
            found[part] = each
        return found, None, None


def _without(mass: Tensor, keys: Tensor) -> Tensor:
    """The masses [M, V] with 0 in the place of those that are named."""
    tokens = mass.shape[1]
    # What is not there is a column of its own, which is cut off.
    columns = torch.where(keys < 0, tokens, keys)
    return torch.nn.functional.pad(mass, (0, 1)).scatter_(1, columns, 0.0)[:, :tokens]
