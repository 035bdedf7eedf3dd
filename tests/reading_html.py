"""Reading a page back, as a browser would."""

from html.parser import HTMLParser

_VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """A page's elements, and what stands in them. Raises AssertionError where elements do not close as they opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}  # by element
        self.rows: list[list[str]] = []  # of all tables
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

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
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
        for tag in set(self._open):
            self.texts[tag][-1] += data
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data
