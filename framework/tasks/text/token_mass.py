"""What is read off a model's logits over its vocabulary, in one pass over them with a gradient of its own: beside cross-entropy alone
nothing more of that size is kept, or written."""

import itertools
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from torch.autograd.function import FunctionCtx

_ON_CPU, _ON_GPU = 1 << 20, 1 << 26  # logits at once: what a processor's cache holds, and enough for a GPU to be busy
_FEWEST = 16  # rows: sums over fewer may be cut into parts, whose sum rounds otherwise


def token_mass(logits: Tensor, target: Tensor, cell: Tensor, cells: int) -> tuple[Tensor, Tensor]:
    """log P of the tokens that stand there, float32 [M], and the probability of the tokens of each cell, float32 [M, cells].

    logits: [M, V]; target: int64 [M]; cell: int64 [V], of each token.
    """
    found: tuple[Tensor, Tensor] = _TokenMass.apply(logits, target, cell, cells)  # type: ignore[no-untyped-call]
    return found


class _TokenMass(torch.autograd.Function):
    @staticmethod
    def forward(ctx: "FunctionCtx", logits: Tensor, target: Tensor, cell: Tensor, cells: int) -> tuple[Tensor, Tensor]:
        """See token_mass."""
        scale = torch.empty(len(logits), device=logits.device)
        log_p, mass = torch.empty_like(scale), torch.zeros(len(logits), cells, device=logits.device)
        for part in parts(logits):
            peak = logits[part].amax(-1).float()
            each = above(logits[part], peak)
            total = each.sum(-1)
            scale[part] = peak + total.log()
            log_p[part] = logits[part].gather(-1, target[part, None]).squeeze(-1).float() - scale[part]
            mass[part].scatter_add_(1, cell.expand(each.shape), each).div_(total[:, None])
        ctx.save_for_backward(logits, target, cell, scale, mass)
        return log_p, mass

    @staticmethod
    def backward(ctx: "FunctionCtx", *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        """Of what is read, with respect to the logits: a token's is its probability times its cell's gradient less the mean over all."""
        logits, target, cell, scale, mass = ctx.saved_tensors  # type: ignore[attr-defined]
        of_log_p, of_mass = gradients
        mean = (of_mass * mass).sum(-1) + of_log_p
        found = torch.empty_like(logits)
        for part in parts(logits):
            each = of_mass[part].index_select(1, cell).sub_(mean[part, None])
            each.mul_(above(logits[part], scale[part]))
            each.scatter_add_(1, target[part, None], of_log_p[part, None])
            found[part] = each
        return found, None, None, None


def above(logits: Tensor, scale: Tensor) -> Tensor:
    """exp(logits - scale): probabilities, where that is their logarithmic sum. float32 [M, V]"""
    return logits.float().sub(scale[:, None]).exp_()


def parts(logits: Tensor) -> list[slice]:
    """Of the rows, so many that the numbers of each are few."""
    count, rows = (
        len(logits),
        max(_FEWEST, (_ON_CPU if logits.device.type == "cpu" else _ON_GPU) // max(logits.shape[1], 1)),
    )
    parts = max(1, -(-count // rows))
    edges = [count * number // parts for number in range(parts + 1)]
    return [slice(begin, end) for begin, end in itertools.pairwise(edges)]
