"""What answers will take, before anything is sent."""

import pytest

from distil.framework.chat.answers import Answer, Usage
from distil.framework.chat.estimate import estimate, letters_as_tokens, tokens_of
from distil.framework.chat.messages import Message, Request

REQUESTS = [Request((Message("user", f"Where is my order number {number}?"),), 0.0, 32, 0, {}) for number in range(10)]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("abcd" * 10, 10),
        ("café, déjà vu", 13 / 4),
        ("где" * 4, 6),
        ("订单", 2),
        ("ab где 订", 4 / 4 + 3 / 2 + 1),
    ],
)
def test_letters_are_taken_for_tokens_by_their_script(text: str, tokens: float) -> None:
    assert letters_as_tokens(text) == pytest.approx(tokens)


def test_without_answers_each_is_as_long_as_it_may_be() -> None:
    found = estimate(REQUESTS, 3, lambda request, sample: None)
    read = round(sum(map(tokens_of, REQUESTS)))
    assert found.wanted == found.at_most == Usage(10, read, 10 * 3 * 32)
    assert found.by == 0


def test_answers_tell_what_a_token_is_and_are_not_counted_again() -> None:
    """Of each of the first six there is an answer, whose tokens are three times as many as letters tell."""
    there = {request.key("m", 0): request for request in REQUESTS[:6]}

    def kept(request: Request, sample: int) -> Answer | None:
        if request.key("m", sample) not in there:
            return None
        return Answer(text="x", input_tokens=round(3 * tokens_of(request)), output_tokens=5)

    found = estimate(REQUESTS, 1, kept)
    assert found.by == 6
    assert found.wanted.requests == 4
    assert found.wanted.input_tokens == pytest.approx(3 * sum(map(tokens_of, REQUESTS[6:])), rel=0.02)
    assert found.wanted.output_tokens == 4 * 5
    assert found.at_most.output_tokens == 4 * 32
    two = estimate(REQUESTS, 2, kept)
    assert two.wanted.requests == 10
    assert two.wanted.output_tokens == 14 * 5
    assert estimate(REQUESTS[:6], 1, kept).wanted == Usage()


def test_a_few_answers_tell_nothing() -> None:
    found = estimate(REQUESTS, 1, lambda request, sample: Answer(text="x") if request is REQUESTS[0] else None)
    assert (found.by, found.wanted.requests) == (0, 9)
