"""What a language model is asked about examples."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from distil.framework.chat.messages import Message, Request, defused, filled
from distil.framework.chat.shots import Chosen
from distil.framework.chat.task import ChatTask, Structured
from distil.framework.errors import RecipeError
from distil.framework.language.words import count_of
from distil.framework.tasks.base import Own
from distil.framework.tasks.sections import ChatSection

_FEWEST = 16  # letters of a text that a conversation has to have room for


@dataclass(frozen=True)
class Requests:
    """Makes the requests of a teacher. over: by how many tokens one is too long; chosen: what is shown before, if anything is."""

    teacher: ChatSection
    task: ChatTask[Own, Own]
    over: Callable[[Request], int]
    chosen: Chosen | None = None

    def of(self, example: Own) -> Request:
        """What is asked about an example, whose longest text is cut where the model cannot read all. Raises RecipeError for a prompt that
        does not name its texts, or leaves them no room."""
        values = dict(self.task.values(example))
        request = self._request(example, values)
        while over := self.over(request):
            longest = max(values, key=lambda name: len(values[name]))
            if len(values[longest]) <= _FEWEST:
                raise RecipeError(
                    f"a chat teacher's conversations are {count_of(over, 'token')} too long with {_FEWEST} letters of a text: raise its max_length, or "
                    "shorten instructions, prompt or max_answer, or show fewer examples"
                )
            values[longest] = values[longest][: max(_FEWEST, len(values[longest]) - over)]
            request = self._request(example, values)
        return request

    def _request(self, example: Own, values: Mapping[str, str]) -> Request:
        teacher, task = self.teacher, self.task
        usual = 1.0 if teacher.samples > 1 else 0.0
        likely = teacher.read != "votes"
        return Request(
            (
                Message("system", teacher.instructions or task.instructions),
                *self._shown(example),
                self._asked(example, values),
            ),
            usual if teacher.sampling_temperature is None else teacher.sampling_temperature,
            task.longest if teacher.max_answer is None else teacher.max_answer,
            0 if not likely else teacher.top_logprobs if task.alternatives else 1,
            teacher.extra,
            task.schema if isinstance(task, Structured) and teacher.model is None else None,
            tuple(task.candidates) if likely and teacher.model is not None else (),
        )

    def _shown(self, example: Own) -> Iterator[Message]:
        """What others have asked, and its right answers."""
        for one in self.chosen.of(example) if self.chosen is not None else ():
            answer = self.task.right(one)
            if answer is not None:
                yield self._asked(one, self.task.values(one))
                yield Message("assistant", defused(answer))

    def _asked(self, example: Own, values: Mapping[str, str]) -> Message:
        """The user's message."""
        usual = self.task.prompt(example)
        try:
            return Message("user", filled(self.teacher.prompt or usual, values, usual))
        except ValueError as error:
            raise RecipeError(f"a chat teacher's {error}") from None
