"""The form of a prompt: fixed text around a question and a context."""

from collections.abc import Iterator
from dataclasses import dataclass
from string import Formatter

ENCODER_DECODER = "question: {question} context: {context}"  # T5's for SQuAD (Raffel et al., arXiv 1910.10683)
DECODER_ONLY = "{context}\nquestion: {question}\nanswer:"


@dataclass(frozen=True)
class Piece:
    """Fixed text or, with `field`, what comes before that field: a space or nothing."""

    text: str
    field: str | None = None


def parse_template(template: str) -> list[Piece]:
    """Cut a template into pieces. Raises ValueError unless it names {question} and {context} once each.

    A space before a field goes with the field: tokenizers that mark the beginnings of words want it there.
    """
    try:
        pieces = list(_pieces(template))
    except ValueError:
        pieces = []
    if sorted(piece.field for piece in pieces if piece.field is not None) != ["context", "question"]:
        raise ValueError(
            f"prompt is {template!r}; expected a text with {{question}} and {{context}}, once each and plain, as in "
            f"{ENCODER_DECODER!r} (a brace of the text's own is doubled)"
        )
    return pieces


def _pieces(template: str) -> Iterator[Piece]:
    for fixed, name, form, conversion in Formatter().parse(template):
        if form or conversion or name not in (None, "question", "context"):
            raise ValueError(name)
        before = " " if name is not None and fixed.endswith(" ") else ""
        if fixed.removesuffix(before):
            yield Piece(fixed.removesuffix(before))
        if name is not None:
            yield Piece(before, name)
