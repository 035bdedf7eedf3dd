"""One question about one context, in SQuAD form."""

from collections.abc import Iterable
from dataclasses import dataclass

from framework.digest import digest_of_strings


@dataclass(frozen=True, slots=True)
class Answer:
    """A span of the context: ``context[start : start + len(text)] == text``; `start` counts code points."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Example:
    """A question with its context.

    `answers` is None for an unlabelled question (transfer data), empty for one that the context does not
    answer (SQuAD 2.0), and otherwise holds every accepted answer, the first being the training label.
    """

    id: str
    context: str
    question: str
    answers: tuple[Answer, ...] | None

    def without_label(self) -> "Example":
        """The same question, unlabelled."""
        return Example(self.id, self.context, self.question, None)


def fingerprint(examples: Iterable[Example]) -> str:
    """Digest of the examples in their order: ids, texts, answers."""
    return digest_of_strings(part for example in examples for part in _parts(example))


def _parts(example: Example) -> list[str]:
    labelled = "unlabelled" if example.answers is None else str(len(example.answers))
    answers = [f"{answer.start}:{answer.text}" for answer in example.answers or ()]
    return [example.id, example.context, example.question, labelled, *answers]
