"""A page, as a browser takes it apart."""

from html.parser import HTMLParser
from urllib.parse import unquote

_EMPTY = {"meta", "br", "path", "link", "img"}


class Reader(HTMLParser):
    """Numbers with their places, elements that were opened, and the text that a reader sees."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.facts: dict[str, str] = {}
        self.counts: dict[str, str] = {}
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        self.elements.append((tag, held))
        if tag not in _EMPTY:
            self._open.append(tag)
        for place, into in (("data-run", self.facts), ("data-count", self.counts)):
            if held.get(place) is not None:
                into[unquote(str(held[place]))] = str(held["value"])

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in ("script", "style"):
            self.text.append(data)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    @property
    def shown(self) -> str:
        return " ".join("".join(self.text).split())
