"""A language model behind a server as a teacher: requests from examples, signals from answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal, Protocol

import numpy as np

from distil.framework.chat.answers import Usage
from distil.framework.chat.asking import Asker, Wanted
from distil.framework.chat.budget import cost_of
from distil.framework.chat.estimate import Estimate, estimate
from distil.framework.chat.messages import Message, Request, filled
from distil.framework.chat.section import Budget, Endpoint, Prices
from distil.framework.chat.task import ChatTask, Conversation, Reading, Structured, Telling
from distil.framework.errors import RecipeError
from distil.framework.files import Json
from distil.framework.progress import SILENT, Progress, Task
from distil.framework.signals.algebra import Signals
from distil.framework.signals.silence import silenced
from distil.framework.tasks.base import Examples, InferenceConfig, Own, Plain


class ChatSection(Protocol):
    """See Chat."""

    endpoint: Endpoint
    read: Reading
    samples: int
    sampling_temperature: float | None
    top_logprobs: int
    max_answer: int | None
    instructions: str | None
    prompt: str | None
    extra: Json
    invalid: Literal["uniform", "leave_out"]
    prices: Prices | None
    budget: Budget


@dataclass(frozen=True)
class ChatPredictor:
    """See Predictor. It has answers of before, and asks for the others."""

    teacher: ChatSection
    task: ChatTask[Own, Own]
    asker: Asker
    inference: InferenceConfig
    parameters: int = 0  # a server does not say

    def predict(self, examples: Examples, progress: Progress = SILENT, title: str = "predict") -> Plain:
        """See Predictor."""
        with progress.task(title, len(examples)) as bar:
            said = self._said(examples, bar)
        if isinstance(self.task, Telling):
            return self.task.predictions(examples, said)
        found: Plain = self.inference.task.predict_from_signals(examples, self.task.signals(examples, said))
        return found

    def signals(self, examples: Examples, proposals: Sequence[Signals] = ()) -> Signals:
        """See Predictor; proposals are of no use to it."""
        with SILENT.task("", len(examples)) as bar:
            said = self._said(examples, bar)
        signals: Signals = self.task.signals(examples, said)
        if self.teacher.invalid == "leave_out":
            signals = silenced(signals, np.asarray([not valid for valid in said], np.bool_))
        return signals

    def usage(self, examples: Examples) -> Json:
        """What the answers about some examples took, all of which are there: requests, tokens, cost (None without prices), mean
        seconds of an example, and the share of answers that were not valid at last."""
        with SILENT.task("", len(examples)) as bar:
            conversations = self._conversations(examples, bar)
        every = [answer for conversation in conversations for answer in conversation]
        spent = sum((answer.usage for answer in every), Usage())
        return {
            "requests": spent.requests,
            "input_tokens": spent.input_tokens,
            "output_tokens": spent.output_tokens,
            "cost": cost_of(spent, self.teacher.prices),
            "seconds": sum(answer.seconds for answer in every) / max(1, len(examples)),
            "invalid": sum(one is None for one in self._read(examples, conversations)) / max(1, len(conversations)),
        }

    def estimate(self, examples: Examples) -> Estimate:
        """What the answers about some examples will take that are not there yet; nothing is asked."""
        return estimate(self._distinct(examples), self.teacher.samples, self.asker.kept)

    def _distinct(self, examples: Examples) -> list[Request]:
        requests = map(self.request, examples)
        return list({request.key(self.asker.endpoint.model, 0): request for request in requests}.values())

    def request(self, example: Own) -> Request:
        """What is asked about an example. Raises RecipeError for a prompt that does not name its texts."""
        teacher, task = self.teacher, self.task
        try:
            user = filled(teacher.prompt or task.prompt(example), task.values(example), task.prompt(example))
        except ValueError as error:
            raise RecipeError(f"a chat teacher's {error}") from None
        usual = 1.0 if teacher.samples > 1 else 0.0
        return Request(
            (Message("system", teacher.instructions or task.instructions), Message("user", user)),
            usual if teacher.sampling_temperature is None else teacher.sampling_temperature,
            task.longest if teacher.max_answer is None else teacher.max_answer,
            0 if teacher.read == "votes" else teacher.top_logprobs if task.alternatives else 1,
            teacher.extra,
            task.schema if isinstance(task, Structured) else None,
        )

    def _conversations(self, examples: Examples, bar: Task) -> list[Conversation]:
        """Of every example as many as samples are wanted, one after the other: who has answered what is not valid is asked once
        more."""
        wanted = [
            (request, sample) for request in map(self.request, examples) for sample in range(self.teacher.samples)
        ]
        first: list[Conversation] = [(answer,) for answer in self.asker.ask(wanted, bar)]
        wrong = [number for number, said in enumerate(self._read(examples, first)) if said is None]
        with SILENT.task("", len(wrong)) as silent:
            again = self.asker.ask(
                [
                    self._after(examples[number // self.teacher.samples], wanted[number], first[number])
                    for number in wrong
                ],
                silent,
            )
        both = {number: (*first[number], answer) for number, answer in zip(wrong, again, strict=True)}
        return [both.get(number, conversation) for number, conversation in enumerate(first)]

    def _after(self, example: Own, wanted: Wanted, conversation: Conversation) -> Wanted:
        (request, sample), (answer,) = wanted, conversation
        return request.after(answer.text, self.task.complaint(example, answer)), sample

    def _read(self, examples: Examples, conversations: Sequence[Conversation]) -> list[Own]:
        """What each says, None where it is not valid."""
        owners = (example for example in examples for _ in range(self.teacher.samples))
        return [
            self.task.read(example, conversation, self.teacher.read)
            for example, conversation in zip(owners, conversations, strict=True)
        ]

    def _said(self, examples: Examples, bar: Task) -> list[list[Own]]:
        """What the valid answers to each example say."""
        read = iter(self._read(examples, self._conversations(examples, bar)))
        return [[said for said in islice(read, self.teacher.samples) if said is not None] for _ in examples]
