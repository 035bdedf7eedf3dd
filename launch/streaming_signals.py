"""The student's side of a stream: signals of a teacher that runs ahead in an actor."""

from collections import deque
from collections.abc import Sequence
from typing import Any

from framework.data.example import Example
from framework.errors import DistilError, TrainingError, first_line
from framework.signals.algebra import Signals
from framework.signals.shards import Key, Keyed, row_key

_Batch = dict[Key, Example]


class StreamedSignals:
    """See TeacherSignals. It can be sent to other processes, each of which then prefetches batches of its own.

    At most `ahead` batches are asked for beyond the one in use. Signals of batches before it are let go: who wants them
    again gets them from the actor, which has them on disk.
    """

    def __init__(self, name: str, actor: Any, proposals: Sequence[Any | None], ahead: int) -> None:
        """name: the teacher's; actor: its StreamingTeacher; proposals: those that it is shown, None where their signals are
        on disk."""
        self._name, self._actor, self._proposals, self._ahead = name, actor, tuple(proposals), ahead
        self._coming: deque[_Batch] = deque()
        self._asked: deque[tuple[_Batch, Any]] = deque()
        self._at_hand = Keyed()

    def prefetch(self, batches: Sequence[Sequence[Example]]) -> None:
        """See TeacherSignals. What was said before is forgotten."""
        self._coming = deque({row_key(example): example for example in batch} for batch in batches if batch)
        self._asked.clear()
        self._run_ahead()

    def signals(self, examples: Sequence[Example]) -> Signals:
        """See TeacherSignals. Waits for the batches that hold the examples; those that were not prefetched are asked for now.

        Raises what the teacher raised.
        """
        wanted = {row_key(example): example for example in examples}
        found = Keyed()
        while missing := [key for key in wanted if key not in found.places]:
            here = [key for key in missing if key in self._at_hand.places]
            if here:
                found.add(here, self._at_hand.signals(here))
            elif coming := next((key for key in missing if self._is_coming(key)), None):
                self._at_hand = self._next_with(coming)
            else:
                found.add(missing, fetched(self._request([wanted[key] for key in missing]), self._name))
        return found.signals([row_key(example) for example in examples])

    def _is_coming(self, key: Key) -> bool:
        return any(key in batch for batch, _ in self._asked) or any(key in batch for batch in self._coming)

    def _next_with(self, key: Key) -> Keyed:
        """The first prefetched batch with this example. Those before it have been passed over."""
        while True:
            batch, answer = self._asked.popleft()
            self._run_ahead()
            if key in batch:
                found = Keyed()
                found.add(list(batch), fetched(answer, self._name))
                return found

    def _run_ahead(self) -> None:
        while self._coming and len(self._asked) < self._ahead:
            batch = self._coming.popleft()
            self._asked.append((batch, self._request(list(batch.values()))))

    def _request(self, examples: list[Example]) -> Any:
        # Ray hands the proposals on to the teacher once they are there; nobody waits here.
        shown = [None if other is None else other.signals.remote(examples) for other in self._proposals]
        return self._actor.signals.remote(examples, *shown)


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
