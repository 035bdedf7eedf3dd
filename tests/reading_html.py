"""Reading a page back, as a browser would."""

import re
from collections.abc import Iterable, Sequence
from html.parser import HTMLParser

from distil.framework.language.words import ENGLISH, RUSSIAN

_LETTERS = re.compile(r"[a-z]{3}(?![^{]*\})")  # outside of what is put in
_VOID = {"wbr", "meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """A page's elements, and what stands in them. Raises AssertionError where elements do not close as they opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}  # by element
        self.rows: list[list[str]] = []  # of all tables
        self.nodes: list[str] = []  # all texts between two tags, and what elements are called for listeners
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def ids(self) -> list[str]:
        """The ids that it gives."""
        return [str(attributes["id"]) for _, attributes in self.elements if "id" in attributes]

    def table_of(self, first: str) -> list[list[str]]:
        """The rows whose first cell is `first`."""
        return [row for row in self.rows if row[0] == first]

    def english(self, names: Iterable[str] = ()) -> list[str]:
        """Texts of distil's own, with what is put into them, that a page in Russian has in English. names: of models, which stay."""
        same = {text for text in ENGLISH.texts if ENGLISH.texts[text] == RUSSIAN.texts[text]}
        texts = [text for name, found in ENGLISH.texts.items() if name not in same for text in _forms(found)]
        patterns = [
            re.compile(re.sub(r"\\\{\w+\\\}", ".+", re.escape(text))) for text in texts if _LETTERS.search(text)
        ]
        others = [node for node in self.nodes if node not in set(names)]
        return [node for node in others if any(pattern.fullmatch(node) for pattern in patterns)]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.nodes += [text for name, text in attrs if name in ("aria-label", "data-column") and text]
        if tag not in _VOID:
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.nodes += [data.strip()] if data.strip() else []
        for tag in set(self._open):
            self.texts[tag][-1] += data
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data


def _forms(found: str | Sequence[str]) -> list[str]:
    return [found] if isinstance(found, str) else list(found)
