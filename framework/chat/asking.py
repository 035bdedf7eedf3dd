"""Asking a model behind a server about many requests at once; what has been answered before is not asked again."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from distil.framework.chat.answers import Answer, Answers, answers_file
from distil.framework.chat.budget import Spending, at_most
from distil.framework.chat.endpoint import EndpointError, Garbled, Server
from distil.framework.chat.messages import Request
from distil.framework.chat.section import Budget, Endpoint, Prices
from distil.framework.chat.shared import SharedAnswers
from distil.framework.files import make_folder
from distil.framework.locks import locked
from distil.framework.progress import Task
from distil.framework.storage import Storage

_GARBLED = 3  # how often a request is sent that is answered, and not in the interface's form
Wanted = tuple[Request, int]  # and the number of the sample


@dataclass(frozen=True)
class Asker:
    """folder: where answers are kept, None: nowhere; storage: where other machines leave theirs and find these, None: nowhere."""

    endpoint: Endpoint
    budget: Budget
    prices: Prices | None
    folder: Path | None
    storage: Storage | None = None

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

    def kept(self, request: Request, sample: int) -> Answer | None:
        """An answer that is there already."""
        return self.answers.get(request.key(self.endpoint.model, sample))

    def ask(self, wanted: Sequence[Wanted], bar: Task) -> list[Answer]:
        """The answers to all that is wanted. bar: counts the requests that are answered.

        Raises UserError for a budget that does not reach, and what Server does; whatever has been answered by then is kept.
        """
        if not wanted:
            return []
        with self._alone():
            self.answers.refresh()
            if self._shared is not None:
                self._shared.pull(self.answers)
            missing: dict[str, tuple[Request, list[int]]] = {}
            for request, sample in wanted:
                if self.kept(request, sample) is None:
                    missing.setdefault(request.key(self.endpoint.model, 0), (request, []))[1].append(sample)
            if missing:
                self._fetch_all(list(missing.values()), bar)
        found = [self.kept(request, sample) for request, sample in wanted]
        return [answer for answer in found if answer is not None]

    def _fetch_all(self, missing: Sequence[tuple[Request, list[int]]], bar: Task) -> None:
        server = self.server  # opened before threads do
        spending = Spending(self.endpoint.model, self.budget, self.prices, self.answers)
        pool = ThreadPoolExecutor(self.endpoint.concurrency, thread_name_prefix="chat")
        try:
            under_way = [pool.submit(self._fetch, server, spending, *one) for one in missing]
            for done in as_completed(under_way):
                done.result()
                bar.advance(1)
        finally:
            # What is under way is paid for: it is waited for and kept.
            pool.shutdown(wait=True, cancel_futures=True)
            if self._shared is not None:
                self._shared.push(self.answers)

    def _fetch(self, server: Server, spending: Spending, request: Request, samples: list[int]) -> None:
        garbled = 0
        while samples:
            bound = at_most(request, len(samples))
            with spending.on(bound):
                try:
                    # Some servers give one answer, whatever was asked.
                    found = server.complete(request, len(samples), bound)[: len(samples)]
                except Garbled as error:
                    self.answers.lose(bound)
                    garbled += 1
                    if garbled == _GARBLED:
                        raise EndpointError(f"{error}, {_GARBLED} times") from None
                    continue
                for sample, answer in zip(samples, found, strict=False):
                    self.answers.add_all(self._keyed(request, sample, answer))
            samples = samples[len(found) :]

    def _keyed(self, request: Request, sample: int, answer: Answer) -> dict[str, Answer]:
        """An answer by what was asked, and by what would have been without likelihoods, which change no answer."""
        found = {request.key(self.endpoint.model, sample): answer}
        if request.top_logprobs:
            plain = replace(request, top_logprobs=0)
            found[plain.key(self.endpoint.model, sample)] = answer.without_likelihoods
        return found

    @property
    def _path(self) -> Path | None:
        return None if self.folder is None else answers_file(self.folder, self.endpoint.model)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Of two processes that ask the same, one pays, and the other finds the answers."""
        if self._path is None:
            yield
            return
        make_folder(self._path.parent)
        with locked(self._path.with_suffix(".lock"), f"the answers of {self.endpoint.model}"):
            yield
