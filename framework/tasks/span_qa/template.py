"""The form of a prompt: fixed text around a question and a context."""

from framework.generative.prompts import Piece, pieces_of

ENCODER_DECODER = "question: {question} context: {context}"  # T5's for SQuAD (Raffel et al., arXiv 1910.10683)
DECODER_ONLY = "{context}\nquestion: {question}\nanswer:"


def parse_template(template: str) -> list[Piece]:
    """Cut a template into pieces. Raises ValueError unless it names {question} and {context} once each."""
    return pieces_of(template, ["question", "context"], [], ENCODER_DECODER)
