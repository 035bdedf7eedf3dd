"""A text with its units, the words of the data or words by Unicode's rules, and their tags."""

from dataclasses import dataclass, field, replace

from distil.framework.data.characters import is_blank

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Tagged:
    """See Example, and Row, as which its tags are still those of the data. units: characters [from, to) of each in the text;
    tags: one a unit, None if unlabelled; notes: kinds of notes; lacks: which field is not there to
    have its tags, in words."""

    place: str
    id: str
    text: str
    units: tuple[Span, ...]
    tags: tuple[str, ...] | None
    notes: tuple[str, ...] = ()
    lacks: str = field(default="", compare=False)

    @property
    def labelled(self) -> bool:
        """Whether it has tags."""
        return self.tags is not None

    @property
    def texts(self) -> tuple[str, ...]:
        """The text alone."""
        return (self.text,)

    @property
    def group(self) -> str:
        """What belongs together in folds and cuts: one text."""
        return self.text

    @property
    def content(self) -> list[str]:
        """All that counts, the id first."""
        units = " ".join(f"{begin}:{end}" for begin, end in self.units)
        return [self.id, self.text, units, *(["unlabelled"] if self.tags is None else ["tags", *self.tags])]

    def without_label(self) -> "Tagged":
        """The same text, unlabelled."""
        return replace(self, tags=None)


def words_of(text: str) -> tuple[Span, ...]:
    """The words of a text by Unicode's rules (UAX #29), numbers and marks among them; no white space."""
    import regex  # type: ignore[import-untyped]

    found: list[Span] = []
    begin = 0
    for part in regex.split(r"(?w)\b", text):
        end = begin + len(part)
        if not all(map(is_blank, part)):
            found.append((begin, end))
        begin = end
    return tuple(found)


def places_in(text: str, words: list[str]) -> tuple[Span, ...] | None:
    """Where words stand in a text that is nothing but them, in their order, and white space; None if it is something else."""
    units, at = [], 0
    for word in words:
        while text[at : at + 1].isspace():
            at += 1
        if not text.startswith(word, at):
            return None
        units.append((at, at + len(word)))
        at += len(word)
    return None if text[at:].strip() else tuple(units)


def joined(words: list[str]) -> tuple[str, tuple[Span, ...]]:
    """Words as one text, with a space between each two, and where they stand in it."""
    units, begin = [], 0
    for word in words:
        units.append((begin, begin + len(word)))
        begin += len(word) + 1
    return " ".join(words), tuple(units)
