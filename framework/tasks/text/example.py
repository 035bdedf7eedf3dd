"""Prompts with their completions."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from distil.framework.chat.messages import Message


@dataclass(frozen=True, slots=True)
class Written:
    """A prompt, which may be empty, and what follows it. labelled: whether the completion is one to be learnt as it stands; else
    teachers alone say what is likely in it. place: where it was read, for error messages; messages: the prompt as turns of a
    conversation, where it is one, which each model's chat template puts into words; lacks: which field is not there to have the
    completion, in words."""

    id: str
    prompt: str
    completion: str
    labelled: bool = True
    place: str = ""
    messages: tuple[Message, ...] = ()
    lacks: str = field(default="", compare=False)

    @property
    def texts(self) -> tuple[str, str]:
        """What a model reads."""
        return self.prompt, self.completion

    @property
    def group(self) -> str:
        """What it has in common with other completions of the prompt, or else its own text."""
        return self.prompt or self.completion

    @property
    def content(self) -> list[str]:
        """All of it."""
        turns = [part for message in self.messages for part in (message.role, message.content)]
        return [self.id, self.prompt, self.completion, str(self.labelled), *turns]

    def without_label(self) -> "Written":
        """The same for teachers alone."""
        return replace(self, labelled=False)


def in_lines(messages: Sequence[Message]) -> str:
    """A conversation without a chat template, up to where the assistant answers: each turn's role on a line, its text below."""
    return "".join(f"{message.role}:\n{message.content}\n\n" for message in messages) + "assistant:\n"
