"""Reads a report as a browser would, as far as the tests need it."""

from __future__ import annotations

from html.parser import HTMLParser

_VOID = {"meta", "br", "link", "img", "input"}


class Markup(HTMLParser):
    """A parsed report: `tags` with their attributes, and `text`. Raises AssertionError where tags are not closed in
    order.
    """

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(document)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] != "style":
            self.text += data


def check(document: str) -> Markup:
    """What holds for every report: it is whole, needs nothing else, and says what its pictures show."""
    found = Markup(document)
    for tag, attributes in found.tags:
        assert tag not in ("script", "link", "iframe"), tag
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, attributes)
        if tag == "svg" or attributes.get("role") == "img":
            assert attributes.get("role") == "img"
            assert len(attributes.get("aria-label") or "") > 10
    assert "@import" not in document
    assert "url(http" not in document
    assert "prefers-color-scheme: dark" in document
    return found
