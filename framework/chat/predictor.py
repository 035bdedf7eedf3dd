"""A language model behind a server as a teacher: requests from examples, signals from answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from distil.framework.chat.answers import Answer, Usage
from distil.framework.chat.asking import Asker
from distil.framework.chat.budget import at_most, cost_of
from distil.framework.chat.messages import Message, Request, filled
from distil.framework.chat.section import Budget, Endpoint, Prices
from distil.framework.chat.task import ChatTask, Reading
from distil.framework.errors import RecipeError
from distil.framework.files import Json
from distil.framework.progress import SILENT, Progress, Task
from distil.framework.signals.algebra import Signals
from distil.framework.tasks.base import Examples, InferenceConfig, Own, Plain

_LETTERS = 4  # bytes of a text that a token stands for, about; of Cyrillic two letters


class ChatSection(Protocol):
    """See Chat."""

    endpoint: Endpoint
    read: Reading
    samples: int
    sampling_temperature: float | None
    top_logprobs: int
    max_answer: int
    instructions: str | None
    prompt: str | None
    extra: Json
    prices: Prices | None
    budget: Budget


@dataclass(frozen=True)
class ChatPredictor:
    """See Predictor. It has answers of before, and asks for the others."""

    teacher: ChatSection
    task: ChatTask[Own]
    asker: Asker
    inference: InferenceConfig
    parameters: int = 0  # a server does not say

    def predict(self, examples: Examples, progress: Progress = SILENT, title: str = "predict") -> Plain:
        """See Predictor."""
        with progress.task(title, len(examples)) as bar:
            signals = self.task.signals(examples, self._masses(examples, bar))
        return self.inference.task.predict_from_signals(examples, signals)

    def signals(self, examples: Examples, proposals: Sequence[Signals] = ()) -> Signals:
        """See Predictor; proposals are of no use to it."""
        with SILENT.task("", len(examples)) as bar:
            return self.task.signals(examples, self._masses(examples, bar))

    def usage(self, examples: Examples) -> Json:
        """What the answers about some examples took, all of which are there: requests, tokens, cost (None without prices), mean
        seconds of an example, and the share of answers that were not valid at last."""
        with SILENT.task("", len(examples)) as bar:
            first, last = self._answers(examples, bar)
        every = [*first, *(new for old, new in zip(first, last, strict=True) if new is not old)]
        spent = sum((answer.usage for answer in every), Usage())
        return {
            "requests": spent.requests,
            "input_tokens": spent.input_tokens,
            "output_tokens": spent.output_tokens,
            "cost": cost_of(spent, self.teacher.prices),
            "seconds": sum(answer.seconds for answer in every) / max(1, len(examples)),
            "invalid": sum(self._read(answer) is None for answer in last) / max(1, len(last)),
        }

    def estimate(self, examples: Examples) -> Usage:
        """About what the answers about some examples will take that are not there yet; nothing is asked."""
        wanted = Usage()
        for request in self._distinct(examples):
            missing = sum(self.asker.kept(request, sample) is None for sample in range(self.teacher.samples))
            if missing:
                most = at_most(request, missing)
                wanted += Usage(1, most.input_tokens // _LETTERS, most.output_tokens)
        return wanted

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
            teacher.max_answer,
            teacher.top_logprobs if teacher.read == "likelihood" else 0,
            teacher.extra,
        )

    def _answers(self, examples: Examples, bar: Task) -> tuple[list[Answer], list[Answer]]:
        """Of every example as many as samples are wanted, one after the other: the first ones, and those that count, as who has
        answered what is not valid is asked once more."""
        wanted = [
            (request, sample) for request in map(self.request, examples) for sample in range(self.teacher.samples)
        ]
        first = self.asker.ask(wanted, bar)
        wrong = [number for number, answer in enumerate(first) if self._read(answer) is None]
        with SILENT.task("", len(wrong)) as silent:
            again = self.asker.ask(
                [
                    (wanted[number][0].after(first[number].text, self.task.complaint), wanted[number][1])
                    for number in wrong
                ],
                silent,
            )
        corrected = dict(zip(wrong, again, strict=True))
        return first, [corrected.get(number, answer) for number, answer in enumerate(first)]

    def _read(self, answer: Answer) -> NDArray[np.float64] | None:
        return self.task.read(answer, self.teacher.read)

    def _masses(self, examples: Examples, bar: Task) -> NDArray[np.float64]:
        """The mean of each example's valid answers; without any, all that may be is alike. [E, K]"""
        unknown, samples = self.task.unknown, self.teacher.samples
        _, answers = self._answers(examples, bar)
        said = [self._read(answer) for answer in answers]
        masses = np.empty((len(examples), len(unknown)))
        for number, row in enumerate(masses):
            valid = [mass for mass in said[number * samples : (number + 1) * samples] if mass is not None]
            row[:] = np.mean(valid, axis=0) if valid else unknown
        return masses
