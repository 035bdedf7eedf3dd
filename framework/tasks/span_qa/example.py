"""A question as its source has it, and as an example whose answers stand in its context."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """A span of the context: ``context[start : start + len(text)] == text``; `start` counts code points."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class QAExample:
    """See Example: a question with its context.

    `answers` is None for an unlabelled question (transfer data), empty for one that the context does not
    answer (SQuAD 2.0), and otherwise holds every accepted answer, the first being the training label.
    """

    id: str
    context: str
    question: str
    answers: tuple[Answer, ...] | None

    @property
    def labelled(self) -> bool:
        """See Example."""
        return self.answers is not None

    @property
    def texts(self) -> tuple[str, str]:
        """See Example."""
        return self.context, self.question

    @property
    def group(self) -> str:
        """See Example."""
        return self.context

    @property
    def content(self) -> list[str]:
        """See Example."""
        labelled = "unlabelled" if self.answers is None else str(len(self.answers))
        answers = [f"{answer.start}:{answer.text}" for answer in self.answers or ()]
        return [self.id, self.context, self.question, labelled, *answers]

    def without_label(self) -> "QAExample":
        """See Example."""
        return QAExample(self.id, self.context, self.question, None)


Claim = tuple[str, int | None]
"""An answer's text, and where it begins as its source says; None if that is not said."""


@dataclass(frozen=True, slots=True)
class QARow:
    """See Row: a question as read, well-typed, with answers that may not stand where they claim to.

    `answers` holds pairs of text and claimed start in code points, None where only the text is given; it is itself None
    where the source gives null. `impossible` is SQuAD 2.0's mark. `notes` are kinds of `NOTES` (data.py).
    """

    place: str
    id: str
    context: str
    question: str
    answers: tuple[Claim, ...] | None
    impossible: bool = False
    notes: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """See Row."""
        return self.context
