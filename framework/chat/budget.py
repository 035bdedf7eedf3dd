"""What may be spent on a model's answers, and what has been."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from distil.framework.chat.answers import Answers, Usage
from distil.framework.chat.messages import Request
from distil.framework.chat.scoring import Scoring
from distil.framework.chat.section import Budget, Prices
from distil.framework.errors import UserError

_TEMPLATE = 64  # tokens that a chat template may add to a request, at most
_ROLE = 16  # and to each of its messages


def cost_of(usage: Usage, prices: Prices | None) -> float | None:
    """In the prices' currency; None without prices."""
    if prices is None:
        return None
    return (usage.input_tokens * prices.input + usage.output_tokens * prices.output) / 1e6


def at_most(request: Request | Scoring, count: int) -> Usage:
    """What a request for `count` answers takes at most: a token stands for a byte or more. Some servers show the model the schema."""
    if isinstance(request, Scoring):
        return Usage(1, len(request.ids), request.max_tokens)
    read = sum(len(message.content.encode("utf-8", "surrogatepass")) + _ROLE for message in request.messages)
    schema = len(json.dumps(request.schema)) if request.schema is not None else 0
    return Usage(1, read + schema + _TEMPLATE, count * request.max_tokens)


class Spending:
    """Holds what is spent, with what is under way at its most, below a budget. For threads.

    model: for errors.
    """

    def __init__(self, model: str, budget: Budget, prices: Prices | None, answers: Answers) -> None:
        self._model, self._budget, self._prices, self._answers = model, budget, prices, answers
        self._under_way = Usage()
        self._changed = threading.Condition()

    @contextmanager
    def on(self, bound: Usage) -> Iterator[None]:
        """In the context something is asked that takes `bound` at most, and whose answers are kept. Waits for others where these may
        still take less than they might; raises UserError where the budget does not reach."""
        with self._changed:
            while problem := self._problem(self._answers.spent + self._under_way + bound):
                if self._under_way.requests == 0:
                    raise UserError(problem)
                self._changed.wait()
            self._under_way += bound
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= bound
                self._changed.notify_all()

    def _problem(self, then: Usage) -> str | None:
        """What the budget has to say to such a spending."""
        problem = beyond(self._budget, self._prices, self._answers.spent, then)
        if problem is None:
            return None
        field, most, spent, wanted = problem
        return (
            f"budget.{field} of the chat teacher {self._model} is {most:,.10g}: {spent:,.6g} are spent on its answers, and the next request "
            f"might take that to {wanted:,.6g}; all answers are kept: raise the budget, and run again to go on"
        )


def beyond(budget: Budget, prices: Prices | None, spent: Usage, then: Usage) -> tuple[str, float, float, float] | None:
    """The field of a budget that `then` exceeds, what it is, and the amounts of `spent` and of `then`; None if it exceeds none."""
    amounts: list[tuple[str, float | None, float, float]] = [
        ("requests", budget.requests, spent.requests, then.requests),
        ("tokens", budget.tokens, spent.tokens, then.tokens),
        ("max_cost", budget.max_cost, cost_of(spent, prices) or 0.0, cost_of(then, prices) or 0.0),
    ]
    return next(
        (
            (field, most, so_far, wanted)
            for field, most, so_far, wanted in amounts
            if most is not None and wanted > most
        ),
        None,
    )
