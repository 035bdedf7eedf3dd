"""Wrong labels such as annotators give: another fact's span, or one whose boundary slipped by a word."""

import re
from random import Random

from framework.data.draws import chance, pick
from framework.tasks.span_qa.synthetic.paragraph import Fact, Paragraph

_WORD = re.compile(r"\w+(?:-\w+)*")


def wrong_span(rng: Random, paragraph: Paragraph, fact: Fact) -> tuple[int, int]:
    """Start and end of a wrong span: half of the time another fact's, else the right one with a slip."""
    others = [(other.start, other.end) for other in paragraph.facts if other is not fact]
    if others and chance(rng, 0.5):
        return pick(rng, others)
    return pick(rng, slipped_spans(paragraph.context, fact.start, fact.end))


def slipped_spans(context: str, start: int, end: int) -> list[tuple[int, int]]:
    """The spans with one word more or less than ``context[start:end]`` at one side, within its sentence."""
    words = [match.span() for match in _WORD.finditer(context)]
    first = next(index for index, word in enumerate(words) if word[0] == start)
    last = next(index for index, word in enumerate(words) if word[1] == end)
    wider = [(i, j) for i, j in ((first - 1, last), (first, last + 1)) if i >= 0 and j < len(words)]
    narrower = [(first + 1, last), (first, last - 1)] if first < last else []
    spans = [(words[i][0], words[j][1]) for i, j in wider + narrower]
    return [(a, b) for a, b in spans if "." not in context[a:b]]
