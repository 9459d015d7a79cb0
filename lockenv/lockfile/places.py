"""The line on which an entry of a lock stands, found once for all entries."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockenv.formats.toml import locate
from lockenv.patterns import pattern

if TYPE_CHECKING:
    from lockenv.fields import KeyPath

_HEADER = pattern(r"^\[\[([a-z-]+)\]\]", re.MULTILINE)
#: So many faults get their exact line, each at the cost of a walk over the text; a document with
#: more is broken as a whole, and the line of the entry will do.
_EXACT = 20


class Places:
    """Lines of a text's entries; nothing is looked for before somebody asks."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines: dict[KeyPath, int] = {}
        self._left = _EXACT

    def entry(self, path: KeyPath) -> int:
        """The line of the entry that the first two keys name (``packages``, 14); 1 if unknown."""
        if not self._lines:
            counts: dict[str, int] = {}
            line, before = 1, 0
            for match in _HEADER.finditer(self._text):
                line += self._text.count("\n", before, match.start())
                before = match.start()
                number = counts.get(match[1], 0)
                counts[match[1]] = number + 1
                self._lines[match[1], number] = line
        return self._lines.get(path[:2], 1)

    def names(self, kind: str) -> list[str]:
        """The names of a kind's entries as they stand, in order."""
        return re.findall(rf'^\[\[{kind}\]\][^\n]*\nname = "([^"\n]*)"', self._text, re.MULTILINE)

    def exact(self, path: KeyPath) -> int:
        """The line of the value itself, for the first faults; then that of its entry."""
        self._left -= 1
        return locate(self._text, path) if self._left >= 0 else self.entry(path)
