"""Prompts with their completions."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Written:
    """A prompt, which may be empty, and what follows it. labelled: whether the completion is one to be learnt as it stands; else
    teachers alone say what is likely in it. place: where it was read, for error messages."""

    id: str
    prompt: str
    completion: str
    labelled: bool = True
    place: str = ""

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
        return [self.id, self.prompt, self.completion, str(self.labelled)]

    def without_label(self) -> "Written":
        """The same for teachers alone."""
        return replace(self, labelled=False)
