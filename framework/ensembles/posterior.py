"""How probable it is, as a text unfolds, that each of several teachers is the one who writes it."""

from dataclasses import dataclass

import numpy as np

from distil.framework.ensembles.base import LEAST, TeacherOutputs
from distil.framework.errors import ModelError
from distil.framework.segments import Floats, bounds, maxima, owners, softmax
from distil.framework.signals.algebra import log_likelihood


@dataclass(frozen=True)
class Posterior:
    """before: [H, K], the weight of every teacher given what is known before a head's turn; after: [E, K], given all."""

    before: Floats
    after: Floats


def posterior(outputs: TeacherOutputs, prior: Floats, tau: float) -> Posterior:
    """w_k ∝ prior_k · exp(L_k / tau), with L_k = Σ log p_k(what shows) over the turns before (see Unfolding). prior: [K]

    Where a teacher says nothing of what shows, it is taken to have said what the others do, with their weights: then with tau 1 the mixture
    takes at most log(1 / prior_k) nats more than any teacher k, on what this one speaks of (Freund et al., Using and combining predictors
    that specialize, STOC 1997). Raises ModelError for a task whose heads show in no order.
    """
    signals = outputs.signals
    unfolding, heads = outputs.task.unfolding(signals[0]), signals[0].heads
    if unfolding is None:
        raise ModelError("heads of this task show in no order, so that nothing is known before one: take another rule")
    turns = np.maximum(maxima(unfolding.turn + 1, heads, 0), 0)
    at = bounds(turns)
    shows = np.flatnonzero(unfolding.outcome >= 0)
    owner = owners(heads)
    place = at[owner] + unfolding.turn  # [H]
    log_p = np.full((int(at[-1]), len(signals)), np.nan)  # nan: says nothing
    for teacher, one in enumerate(signals):
        likely = np.maximum(log_likelihood(one, unfolding.outcome, unfolding.outcome), LEAST)
        log_p[place[shows], teacher] = np.where(one.said, likely, np.nan)[shows]
    known, total = np.zeros(log_p.shape), np.zeros((len(outputs.examples), len(signals)))
    log_prior = np.log(prior)
    for turn in range(int(turns.max(initial=0))):
        going = np.flatnonzero(turns > turn)
        now = at[going] + turn
        known[now] = total[going]
        total[going] += _charged(log_p[now], log_prior + total[going] / tau)
    return Posterior(softmax(log_prior + known[place] / tau), softmax(log_prior + total / tau))


def _charged(log_p: Floats, log_weights: Floats) -> Floats:
    """What is added to each teacher's log-likelihood: its own, or that of those who speak. [E, K]"""
    speaks = ~np.isnan(log_p)
    some = speaks.any(1, keepdims=True)
    weights = softmax(np.where(speaks, log_weights, np.where(some, -np.inf, 0.0)))
    own = np.where(speaks, log_p, LEAST)
    peak = own.max(1, keepdims=True)
    together = peak + np.log(np.sum(weights * np.exp(own - peak), axis=1, keepdims=True))
    return np.where(speaks, log_p, np.where(some, np.maximum(together, LEAST), 0.0))
