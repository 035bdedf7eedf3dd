"""CoNLL: a word and its tags a line, in columns, and a blank line after each sentence."""

import re
from collections import Counter
from collections.abc import Iterator

from framework.data.records import Record
from framework.errors import DataError

_UNIVERSAL = ("ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")  # of CoNLL-U
_DOCUMENT = "-DOCSTART-"
_SAID = re.compile(r"#\s*(id\s|newdoc|newpar|[\w.]+\s*=)")  # what comments say: `# text = …`, `# id 12`
_PART_OF_WORD = re.compile(r"\d+[-.]\d+")  # numbers of CoNLL-U for words of several, and for those that are not there

Line = tuple[int, list[str]]


def read_conll(text: str, place: str) -> Iterator[Record]:
    """The sentences of a text. Columns are cut by tabs if most lines have one, else by blanks.

    A record has `tokens`, the first column, `tags`, the last one of several, and each column by its number from 0 on, and
    from the end from -1 on. Lines of -DOCSTART- and comments are left out: lines with # at the beginning of a sentence that
    say what comments say, or have other columns than the rest. Raises DataError, which names the line.
    """
    columns = _Columns(text)
    for sentence in _sentences(text, columns, place):
        rows = [cells for _, cells in sentence]
        by_number = [list(column) for column in zip(*rows, strict=True)]
        values: dict[str, object] = {str(number): column for number, column in enumerate(by_number)}
        values |= {str(number - len(by_number)): column for number, column in enumerate(by_number)}
        values["tokens"] = by_number[0]
        if len(by_number) > 1:
            values["tags"] = by_number[-1]
        yield Record(f"{place}: line {sentence[0][0]}", values)


def read_conllu(text: str, place: str) -> Iterator[Record]:
    """The sentences of a text in CoNLL-U, or CoNLL-U Plus, which names its columns: each column by its name, words as
    `tokens` and parts of speech (UPOS) as `tags`. Raises DataError, which names the line."""
    named = re.search(r"^# global\.columns = (.+)$", text, re.MULTILINE)
    names = tuple(named[1].split()) if named is not None else _UNIVERSAL
    for sentence in _sentences(text, _Columns(text, "\t", len(names)), place):
        rows = [cells for _, cells in sentence if names[0] != "ID" or not _PART_OF_WORD.fullmatch(cells[0])]
        values: dict[str, object] = {
            name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)
        }
        for asked, name in (("tokens", "FORM"), ("tags", "UPOS")):
            if name in values:
                values[asked] = values[name]
        yield Record(f"{place}: line {sentence[0][0]}", values)


class _Columns:
    """How the lines of a text are cut, and into how many cells."""

    def __init__(self, text: str, separator: str | None = None, count: int | None = None) -> None:
        lines = [line for line in text.split("\n") if line.strip()]
        lines = [line for line in lines if not line.startswith("#")] or lines  # comments, mostly
        tabs = separator is not None or sum("\t" in line.strip() for line in lines) * 2 >= len(lines) > 0
        self._separator = re.compile("\t" if tabs else "[ \t]+")
        counts = Counter(len(self.cells(line)) for line in lines)
        self.count = count or (counts.most_common(1)[0][0] if counts else 0)

    def cells(self, line: str) -> list[str]:
        line = line.rstrip("\r")
        return self._separator.split(line if self._separator.pattern == "\t" else line.strip(" \t"))


def _sentences(text: str, columns: _Columns, place: str) -> Iterator[list[Line]]:
    sentence: list[Line] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            if sentence:
                yield sentence
            sentence = []
            continue
        cells = columns.cells(line)
        if cells[0] == _DOCUMENT or (not sentence and _is_comment(line, cells, columns.count)):
            continue
        if len(cells) != columns.count:
            raise DataError(
                f"{place}: line {number}: {len(cells)} columns, and other lines have {columns.count}; a sentence ends with a blank line"
            )
        sentence.append((number, cells))
    if sentence:
        yield sentence


def _is_comment(line: str, cells: list[str], count: int) -> bool:
    return line.startswith("#") and (len(cells) != count or _SAID.match(line) is not None)
