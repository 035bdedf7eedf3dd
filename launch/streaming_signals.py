"""The student's side of a stream: signals of a teacher that runs ahead in an actor."""

from collections import deque
from collections.abc import Sequence
from typing import Any

from framework.data.example import Example
from framework.errors import DistilError, TrainingError, first_line
from framework.signals.shards import row_key
from framework.signals.span import SpanSignal

_Key = tuple[int, int]
_Batch = dict[_Key, Example]


class StreamedSignals:
    """See TeacherSignals. It can be carried to other processes, each of which then announces batches of its own.

    At most `ahead` batches are asked for beyond the one in use. Signals of batches before it are let go: who wants them
    again gets them from the actor, which has them on disk.
    """

    def __init__(self, name: str, actor: Any, hints: Sequence[Any | None], ahead: int) -> None:
        """name: the teacher's; actor: its StreamingTeacher; hints: those that it is shown, None where their signals are
        on disk."""
        self._name, self._actor, self._hints, self._ahead = name, actor, tuple(hints), ahead
        self._coming: deque[_Batch] = deque()
        self._asked: deque[tuple[_Batch, Any]] = deque()
        self._at_hand: dict[_Key, SpanSignal] = {}

    def announce(self, batches: Sequence[Sequence[Example]]) -> None:
        """See TeacherSignals. What was announced before is forgotten."""
        self._coming = deque({row_key(example): example for example in batch} for batch in batches if batch)
        self._asked.clear()
        self._run_ahead()

    def signal(self, example: Example) -> SpanSignal:
        """See TeacherSignals. Waits for the batch that holds the example; one that was not announced is asked for now.

        Raises what the teacher raised.
        """
        key = row_key(example)
        if key not in self._at_hand:
            if self._is_announced(key):
                self._at_hand = self._next_with(key)
            else:
                self._at_hand[key] = fetched(self._request([example]), self._name)[0]
        return self._at_hand[key]

    def _is_announced(self, key: _Key) -> bool:
        return any(key in batch for batch, _ in self._asked) or any(key in batch for batch in self._coming)

    def _next_with(self, key: _Key) -> dict[_Key, SpanSignal]:
        """The first announced batch with this example. Those before it have been passed over."""
        while True:
            batch, answer = self._asked.popleft()
            self._run_ahead()
            if key in batch:
                return dict(zip(batch, fetched(answer, self._name), strict=True))

    def _run_ahead(self) -> None:
        while self._coming and len(self._asked) < self._ahead:
            batch = self._coming.popleft()
            self._asked.append((batch, self._request(list(batch.values()))))

    def _request(self, examples: list[Example]) -> Any:
        # Ray hands the hints on to the teacher once they are there; nobody waits here.
        hints = [None if hint is None else hint.signals.remote(examples) for hint in self._hints]
        return self._actor.signals.remote(examples, *hints)


def fetched(answer: Any, name: str) -> Any:
    """What the actor of teacher `name` has answered. Raises what distil raised there, or TrainingError."""
    import ray
    from ray.exceptions import RayError, RayTaskError

    try:
        return ray.get(answer)
    except RayError as error:
        cause: BaseException = error
        while isinstance(cause, RayTaskError) and cause.cause is not None:
            cause = cause.cause
        if isinstance(cause, DistilError):
            raise cause from None
        raise TrainingError(
            f"teacher '{name}' failed in its Ray actor ({type(cause).__name__}: {first_line(cause)}); what is done is kept: "
            "run the same command again to go on, out of memory with a lower signals.batch_size"
        ) from None
