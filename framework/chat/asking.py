"""Asking a model behind a server about many requests at once; what has been answered before is not asked again."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol, TypeVar

from distil.framework.chat.answers import Answer, Answers, Usage, answers_file, lost_key
from distil.framework.chat.budget import Spending, at_most
from distil.framework.chat.client import OtherModelError
from distil.framework.chat.endpoint import EndpointError, Lost, Server
from distil.framework.chat.messages import Request
from distil.framework.chat.scoring import Scoring
from distil.framework.chat.section import Budget, Endpoint, Prices
from distil.framework.chat.shared import SharedAnswers
from distil.framework.files import make_folder
from distil.framework.locks import locked
from distil.framework.progress import Task
from distil.framework.storage import Storage

_PAUSE, _LONGEST_PAUSE = 0.5, 8.0  # seconds before what was lost is sent again: at first, and at most
Wanted = tuple[Request, int]  # and the number of the sample
Missing = tuple[Request, list[int]]  # and the numbers of samples that are not there
Sent = Request | Scoring  # what a server is asked
_Sent = TypeVar("_Sent", bound=Sent)


class ChatAsker(Protocol):
    """Gets answers of one model. What has been answered is not asked again."""

    @property
    def model(self) -> str:
        """By what its answers are kept."""

    @property
    def parameters(self) -> int:
        """Of the model; 0 where nobody says."""

    @property
    def answers(self) -> Answers:
        """All that are kept of this model."""

    def kept(self, request: Request, sample: int) -> Answer | None:
        """An answer that is there already."""

    def over(self, request: Request) -> int:
        """By how many tokens a request is too long, as far as that is known here."""

    def ask(self, wanted: Sequence[Wanted], bar: Task) -> list[Answer]:
        """The answers to all that is wanted. bar: counts the requests that are answered."""


def missing_of(answers: Answers, model: str, wanted: Sequence[tuple[_Sent, int]]) -> list[tuple[_Sent, list[int]]]:
    """What is wanted of a model and not among its answers, each request once."""
    missing: dict[str, tuple[_Sent, list[int]]] = {}
    for request, sample in wanted:
        if answers.get(request.key(model, sample)) is None:
            samples = missing.setdefault(request.key(model, 0), (request, []))[1]
            if sample not in samples:
                samples.append(sample)
    return list(missing.values())


@contextmanager
def alone_with(path: Path | None, model: str) -> Iterator[None]:
    """Of two processes that ask the same, one asks, and the other finds the answers in `path`."""
    if path is None:
        yield
        return
    make_folder(path.parent)
    with locked(path.with_suffix(".lock"), f"the answers of {model}"):
        yield


@dataclass(frozen=True)
class Asker:
    """See ChatAsker: a model behind a server. folder: where answers are kept, None: nowhere; storage: where other machines leave theirs and find these, None: nowhere."""

    endpoint: Endpoint
    budget: Budget
    prices: Prices | None
    folder: Path | None
    storage: Storage | None = None

    @property
    def model(self) -> str:
        """See ChatAsker."""
        return self.endpoint.model

    @property
    def parameters(self) -> int:
        """See ChatAsker."""
        return 0

    def over(self, request: Request) -> int:
        """See ChatAsker: a server says so itself."""
        return 0

    @cached_property
    def answers(self) -> Answers:
        """All that are kept of this model."""
        found = Answers(self._path)
        if self._shared is not None:
            self._shared.pull(found)
        return found

    @cached_property
    def _shared(self) -> SharedAnswers | None:
        return None if self.storage is None or self._path is None else SharedAnswers(self.storage, self._path)

    @cached_property
    def server(self) -> Server:
        """Who is asked; opened when there is something to ask."""
        return Server(self.endpoint)

    def kept(self, request: Sent, sample: int) -> Answer | None:
        """An answer that is there already."""
        return self.answers.get(request.key(self.endpoint.model, sample))

    def ask(self, wanted: Sequence[tuple[Sent, int]], bar: Task) -> list[Answer]:
        """The answers to all that is wanted. bar: counts the requests that are answered.

        Raises UserError for a budget that does not reach, and what Server does; whatever has been answered by then is kept.
        """
        if not wanted:
            return []
        self.answers.refresh()
        if missing_of(self.answers, self.model, wanted):  # who has all that is wanted waits for nobody
            with alone_with(self._path, self.model):
                self.answers.refresh()
                if self._shared is not None:
                    self._shared.pull(self.answers)
                missing = missing_of(self.answers, self.model, wanted)
                if missing:
                    self._fetch_all(missing, bar)
        found = [self.kept(request, sample) for request, sample in wanted]
        return [answer for answer in found if answer is not None]

    def _fetch_all(self, missing: Sequence[tuple[Sent, list[int]]], bar: Task) -> None:
        server = self.server  # opened before threads do
        server.stopped.clear()
        spending = Spending(self.endpoint.model, self.budget, self.prices, self.answers)
        pool = ThreadPoolExecutor(self.endpoint.concurrency, thread_name_prefix="chat")
        try:
            if missing[0][0].top_logprobs:  # one that gives no likelihoods is told by one answer
                self._fetch(server, spending, *missing[0])
                bar.advance(1)
                missing = missing[1:]
            under_way = [pool.submit(self._fetch, server, spending, *one) for one in missing]
            for done in as_completed(under_way):
                done.result()
                bar.advance(1)
        finally:
            # What is under way is paid for: it is waited for and kept, and nothing is sent again.
            server.stopped.set()
            pool.shutdown(wait=True, cancel_futures=True)
            if self._shared is not None:
                self._shared.push(self.answers)

    def _fetch(self, server: Server, spending: Spending, request: Sent, samples: list[int]) -> None:
        lost = Counter[type[Lost]]()
        while samples:
            bound = at_most(request, len(samples))
            with spending.on(bound):
                try:
                    found = _answered(server, request, len(samples), bound)
                except OtherModelError:
                    self.answers.lose(bound)
                    raise
                except Lost as error:
                    self.answers.lose(bound)
                    lost[type(error)] += 1
                    if lost[type(error)] >= error.tries:
                        raise EndpointError(
                            f"{error}, {error.tries} times; look whether what answers there is such a server and has time enough "
                            "(timeout_s), and run again to go on"
                        ) from None
                    found = []
                lacking = _lacks_likelihoods(request, found)
                for sample, answer in zip(samples, found, strict=False):
                    self.answers.add_all(self._keyed(request, sample, answer, lacking))
                if lacking:
                    raise server.without_likelihoods(isinstance(request, Scoring))
            samples = samples[len(found) :]
            if not found:
                server.stopped.wait(_pause(lost.total()))

    def _keyed(self, request: Sent, sample: int, answer: Answer, lacking: bool) -> dict[str, Answer]:
        """An answer by what was asked, and by what would have been without likelihoods, which change no answer. lacking: there are none,
        so that it is no answer to what was asked."""
        model = self.endpoint.model
        whole = {request.key(model, sample): answer} if not lacking else {}
        if isinstance(request, Scoring):
            return whole or {lost_key(): answer}
        if not request.top_logprobs:
            return whole
        plain = replace(request, top_logprobs=0).key(model, sample)
        return {**whole, plain: answer if lacking else answer.without_likelihoods}

    @property
    def _path(self) -> Path | None:
        return None if self.folder is None else answers_file(self.folder, self.endpoint.model)


def _answered(server: Server, request: Sent, count: int, bound: Usage) -> list[Answer]:
    """Up to `count`: some servers give one answer, whatever was asked."""
    if isinstance(request, Scoring):
        return [server.score(request, bound)]
    return server.complete(request, count, bound)[:count]


def _lacks_likelihoods(request: Sent, found: Sequence[Answer]) -> bool:
    """Whether they were asked for, and are not there; of an answer of no words there are none."""
    said = isinstance(request, Scoring) or any(one.text for one in found)
    return bool(found and request.top_logprobs and said and not any(one.tokens for one in found))


def _pause(times: int) -> float:
    """Seconds to wait after so many requests were lost: longer each time, and not the same for all."""
    return min(_PAUSE * 2.0 ** min(times - 1, 10), _LONGEST_PAUSE) * random.uniform(0.75, 1)
