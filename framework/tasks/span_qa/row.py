"""One question as its source has it, before its answers are checked against the context."""

from dataclasses import dataclass

Claim = tuple[str, int | None]
"""An answer's text, and where it begins as its source says; None if that is not said."""


@dataclass(frozen=True, slots=True)
class QARow:
    """See Row: a question as read, well-typed, with answers that may not stand where they claim to.

    `answers` holds pairs of text and claimed start in code points, None where only the text is given; it is itself None
    where the source gives null. `impossible` is SQuAD 2.0's mark. `notes` are kinds of notes.py.
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
