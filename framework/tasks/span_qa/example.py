"""One question about one context, in SQuAD form."""

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
