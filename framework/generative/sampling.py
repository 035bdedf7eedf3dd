"""Answers that a decoder draws token by token, each row by numbers of its own, whatever is drawn beside it."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from distil.framework.generative.writer import Ids, Known

if TYPE_CHECKING:
    from torch import Tensor


class Begun(Protocol):
    """Texts that a model goes on with."""

    def next(self, chosen: "Tensor | None") -> "Tensor":
        """Logits of what follows each text, float32 [rows, V], once `chosen` tokens are written, [rows]; None: at the beginning."""


class Draws(Protocol):
    """A writer whose texts are drawn token by token."""

    def begun(self, known: Known, rows: "Tensor", room: int) -> Begun:
        """Texts after the prompts `rows` of those that were read, in which so many tokens are written at most."""


@dataclass(frozen=True)
class Sampling:
    """How several completions of a prompt are drawn, which depend on nothing but the prompt and the seed."""

    count: int
    temperature: float
    seed: int


GREEDY = Sampling(1, 0.0, 0)


@dataclass(frozen=True)
class Likely:
    """One place of an answer: the token and its log-probability, and the likeliest ones with theirs, the likeliest first."""

    id: int
    log_p: float
    others: Sequence[tuple[int, float]]


@dataclass(frozen=True)
class Drawing:
    """How answers are drawn. temperature: 0 takes the likeliest tokens; ends: tokens that end an answer; others: of how many tokens in
    each place log-probabilities are wanted, at a temperature of 1."""

    temperature: float
    ends: Set[int]
    others: int


def drawn(writer: Draws, known: Known, numbers: NDArray[np.float64], drawing: Drawing) -> list[list[Likely]]:
    """An answer of each row, of tokens [S] at most, the one that ends it included; see `tokens_drawn`."""
    answers: list[list[Likely]] = [[] for _ in numbers]
    for places in tokens_drawn(writer, known, numbers, drawing):
        for answer, place in zip(answers, places, strict=True):
            if place is not None:
                answer.append(place)
    return answers


def tokens_drawn(
    writer: Draws, known: Known, numbers: NDArray[np.float64], drawing: Drawing
) -> Iterator[list[Likely | None]]:
    """By what each row goes on, one token after the other, until all have ended; None of one that has. numbers: from 0 to 1, each
    decides about a token, [rows, S]; as many rows of each prompt that was read, one after the other."""
    import torch

    samples, most = len(numbers) // len(known.ids), numbers.shape[1]
    rows = torch.arange(len(known.ids), device=known.ids.device).repeat_interleave(samples)
    text = writer.begun(known, rows, most + 1)
    going_on = np.ones(len(rows), bool)
    chosen = None
    for place in range(most):
        logits = text.next(chosen)
        log_p = logits.log_softmax(-1)
        chosen = _chosen(logits, numbers[:, place], drawing.temperature)
        of_chosen = log_p.gather(1, chosen[:, None])[:, 0].tolist()
        listed = _likeliest(log_p, drawing.others)
        written = chosen.tolist()
        yield [
            Likely(*found) if goes_on else None
            for *found, goes_on in zip(written, of_chosen, listed, going_on, strict=True)
        ]
        going_on &= ~np.isin(written, list(drawing.ends))
        if not going_on.any():
            return


def first_places(writer: Draws, known: Known, others: int) -> list[list[tuple[int, float]]]:
    """The likeliest tokens of each prompt's answer to begin with, with their log-probabilities, the likeliest first."""
    import torch

    rows = torch.arange(len(known.ids), device=known.ids.device)
    return _likeliest(writer.begun(known, rows, 1).next(None).log_softmax(-1), others)


def exclusive(log_p: NDArray[np.float64], answers: Sequence[Ids]) -> NDArray[np.float64]:
    """Logarithms of the probabilities that what is written begins with each answer, as of those that begin with each and go on to
    none of the others. [A]"""
    texts = [tuple(ids.tolist()) for ids in answers]
    masses = dict(zip(texts, np.exp(log_p).tolist(), strict=True))
    left = dict(masses)
    for text, mass in masses.items():
        begun = [other for other in masses if len(other) < len(text) and text[: len(other)] == other]
        if begun:
            left[max(begun, key=len)] -= mass  # which the shorter ones have lost to that one already
    shared = np.asarray([left[text] / texts.count(text) for text in texts])
    result: NDArray[np.float64] = np.log(np.maximum(shared, np.finfo(np.float64).tiny))
    return result


def _likeliest(log_p: "Tensor", count: int) -> list[list[tuple[int, float]]]:
    """Of each row [rows, V] the `count` likeliest tokens with their log-probabilities, the likeliest first."""
    found = log_p.topk(min(count, log_p.shape[-1]))
    return [list(zip(*one, strict=True)) for one in zip(found.indices.tolist(), found.values.tolist(), strict=True)]


def _chosen(logits: "Tensor", numbers: NDArray[np.float64], temperature: float) -> "Tensor":
    """The first token up to which the probabilities exceed a row's number. [rows]"""
    import torch

    if temperature == 0:
        return logits.argmax(-1)
    upto = (logits.double() / temperature).softmax(-1).cumsum(-1)
    wanted = torch.from_numpy(numbers).to(upto.device)[:, None] * upto[:, -1:]
    return torch.searchsorted(upto, wanted, right=True)[:, 0].clamp(max=logits.shape[-1] - 1)
