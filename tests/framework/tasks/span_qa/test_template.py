"""The form of prompts."""

import pytest

from framework.generative.prompts import Piece
from framework.tasks.span_qa.template import DECODER_ONLY, ENCODER_DECODER, parse_template


def test_a_space_goes_with_the_field_after_it() -> None:
    assert parse_template(ENCODER_DECODER) == [
        Piece("question:"),
        Piece(" ", "question"),
        Piece(" context:"),
        Piece(" ", "context"),
    ]
    assert [piece.field for piece in parse_template(DECODER_ONLY)] == ["context", None, "question", None]
    assert parse_template("{{{question}}}{context}")[:3] == [Piece("{"), Piece("", "question"), Piece("}")]


@pytest.mark.parametrize(
    "template",
    [
        "",
        "{question}",
        "{context} {context} {question}",
        "{question} {context!r}",
        "{question:>9} {context}",
        "{",
        "{} {x}",
    ],
)
def test_a_template_without_both_fields_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"expected a text with \{question\} and \{context\}"):
        parse_template(template)
