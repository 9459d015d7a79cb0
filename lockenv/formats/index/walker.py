"""The real HTML parser, for index pages that the quick scan does not fully understand."""

from __future__ import annotations

from html.parser import HTMLParser


class Walker(HTMLParser):
    """What a page says of itself, and its anchors: their attributes and text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.meta: dict[str, str] = {}
        self.base = ""
        self.anchors: list[tuple[dict[str, str], str]] = []
        self._open: dict[str, str] | None = None
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take what the page says at an opening tag."""
        attributes = {name: value or "" for name, value in reversed(attrs)}
        if tag == "a":
            self._close()
            self._open, self._text = attributes, []
        elif tag == "base" and not self.base:
            self.base = attributes.get("href", "")
        elif tag == "meta" and "name" in attributes:
            self.meta[attributes["name"].lower()] = attributes.get("content", "")

    def handle_data(self, data: str) -> None:
        """Keep the text of an open anchor."""
        if self._open is not None:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        """End an anchor."""
        if tag == "a":
            self._close()

    def close(self) -> None:
        """End the page."""
        super().close()
        self._close()

    def _close(self) -> None:
        if self._open is not None:
            self.anchors.append((self._open, "".join(self._text)))
            self._open = None
