"""A language model as a teacher: requests from examples, signals from answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from distil.framework.chat.answers import Usage
from distil.framework.chat.asking import Asker, ChatAsker, Wanted
from distil.framework.chat.budget import cost_of
from distil.framework.chat.estimate import Estimate, estimate
from distil.framework.chat.local import local_asker
from distil.framework.chat.messages import Request
from distil.framework.chat.requests import Requests
from distil.framework.chat.shots import Chosen
from distil.framework.chat.task import ChatTask, Conversation, Telling
from distil.framework.errors import ModelError
from distil.framework.files import Json
from distil.framework.progress import SILENT, Progress, Task
from distil.framework.signals.algebra import Signals
from distil.framework.signals.silence import silenced
from distil.framework.tasks.base import Examples, InferenceConfig, Own, Plain
from distil.framework.tasks.sections import ChatSection


def chat_predictor(
    teacher: ChatSection, task: ChatTask[Own, Own], folder: Path, inference: InferenceConfig
) -> "ChatPredictor":
    """The model of a chat teacher, in `folder` or behind its server. Raises ModelError."""
    chosen = None
    if teacher.examples is not None:
        if inference.pool is None:
            raise ModelError(
                f"a chat teacher is shown examples of split '{teacher.examples.split}', which are not at hand here: ask another model"
            )
        chosen = Chosen(teacher.examples, inference.pool)
    asker: ChatAsker
    if teacher.endpoint is not None:
        asker = Asker(teacher.endpoint, teacher.budget, teacher.prices, inference.answers, inference.storage)
    else:
        asker = local_asker(folder, inference, teacher.prompt, teacher.max_length)
    return ChatPredictor(teacher, task, Requests(teacher, task, asker.over, chosen), asker, inference)


@dataclass(frozen=True)
class ChatPredictor:
    """See Predictor. It has answers of before, and asks for the others."""

    teacher: ChatSection
    task: ChatTask[Own, Own]
    requests: Requests
    asker: ChatAsker
    inference: InferenceConfig

    @property
    def parameters(self) -> int:
        """See Predictor; a server does not say."""
        return self.asker.parameters

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
        seconds of an example, and the share of answers that were not valid at last. Examples of which the same was asked share an
        answer, which was paid for once."""
        with SILENT.task("", len(examples)) as bar:
            conversations = self._conversations(examples, bar)
        every = [answer for conversation in conversations for answer in conversation]
        spent = sum((answer.usage for answer in {id(answer): answer for answer in every}.values()), Usage())
        return {
            "requests": spent.requests,
            "input_tokens": spent.input_tokens,
            "output_tokens": spent.output_tokens,
            "cost": cost_of(spent, self.teacher.prices),
            "seconds": sum(answer.seconds for answer in every) / max(1, len(examples)),
            "invalid": sum(one is None for one in self._read(examples, conversations)) / max(1, len(conversations)),
        }

    def estimate(self, taught: Examples, measured: Examples = ()) -> Estimate:
        """See Paid: both take the same answers."""
        return estimate(self._distinct([*taught, *measured]), self.teacher.samples, self.asker.kept)

    def _distinct(self, examples: Examples) -> list[Request]:
        requests = map(self.request, examples)
        return list({request.key(self.asker.model, 0): request for request in requests}.values())

    def request(self, example: Own) -> Request:
        """See Requests."""
        return self.requests.of(example)

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
