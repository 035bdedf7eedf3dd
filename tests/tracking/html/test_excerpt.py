"""What is shown of a text is what stands there, and every span is marked from its beginning to its end."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tracking.html.excerpt import Span, excerpt


@st.composite
def marked(draw: Any) -> tuple[str, list[Span]]:
    text = draw(st.text(alphabet="ая б😀<", min_size=1, max_size=600))
    spans = []
    for name in "abc"[: draw(st.integers(0, 3))]:
        start = draw(st.integers(0, len(text) - 1))
        spans.append(Span(name, start, draw(st.integers(start + 1, len(text)))))
    return text, spans


@given(marked())
def test_pieces_put_together_are_the_text_and_the_spans(found: tuple[str, list[Span]]) -> None:
    text, spans = found
    place = 0
    marks: dict[str, str] = {}
    for part in excerpt(text, spans):
        shown = "".join(piece.text for piece in part.pieces)
        begin = text.index(shown, place)
        assert part.after == (begin + len(shown) < len(text))
        place = begin + len(shown)
        for piece in part.pieces:
            for name in piece.names:
                marks[name] = marks.get(name, "") + piece.text
    assert marks == {span.name: text[span.start : span.end] for span in spans}


def test_far_spans_have_a_part_each_and_words_stay_whole() -> None:
    text = "слово " * 200
    parts = excerpt(text, [Span("gold", 0, 5), Span("A", 900, 905)])
    assert [(part.before, part.after) for part in parts] == [(False, True), (True, True)]
    for part in parts:
        assert set("".join(piece.text for piece in part.pieces).split()) == {"слово"}
    assert sum(len(piece.text) for part in parts for piece in part.pieces) < 300


def test_the_first_and_the_last_word_stay_whole_too() -> None:
    text = "длинноеслово" + " слово" * 30 + " длинноеслово"
    (part,) = excerpt(text, [Span("A", 85, 90), Span("B", len(text) - 90, len(text) - 85)])
    assert not part.before
    assert not part.after
    assert "".join(piece.text for piece in part.pieces) == text


def test_without_spans_the_text_begins() -> None:
    (part,) = excerpt("слово " * 200, [])
    assert not part.before
    assert part.after
