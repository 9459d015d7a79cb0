"""Where a key path stands in a TOML document: no parser keeps positions, so this one does.

A scanner over TOML 1.0 that records the line of every key, table header and array member and
looks at no value. It expects a document that parses; what it cannot follow it leaves out, and the
answer is then the nearest line around. Runs only when a message needs a line.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

from lockenv.patterns import pattern

if TYPE_CHECKING:
    from lockenv.fields import KeyPath

_BLANK = pattern(r"[ \t]*")
#: White space, line ends and comments: what may stand between members of an array.
_GAP = pattern(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY = pattern(r"[A-Za-z0-9_-]+")
_STRING = pattern(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = pattern(r"[^,\]}#\n]+")


def locate(text: str, path: KeyPath) -> int:
    """The line (from 1) on which the value at the path, or what is nearest around it, stands."""
    lines = _Scanner(text).lines
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return 1


def headers(text: str) -> list[tuple[int, KeyPath]]:
    """The lines (from 1) of the document's table headers, in order, each with its key path.

    Members of arrays of tables have their number behind the key.
    """
    return _Scanner(text).headers


class _LostError(Exception):
    """The text is not TOML here."""


class _Scanner:
    """One walk over a document; ``lines`` maps each key path to the line where it first stands."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[KeyPath, int] = {}
        self.headers: list[tuple[int, KeyPath]] = []
        self._counts: dict[KeyPath, int] = {}
        self._counted = (0, 1)
        try:
            self._document()
        except (_LostError, RecursionError):
            return

    def _line(self) -> int:
        """The line of the present position; positions only grow, so each is counted once."""
        before, line = self._counted
        line += self.text.count("\n", before, self.at)
        self._counted = (self.at, line)
        return line

    def _note(self, path: KeyPath) -> None:
        line = self._line()
        for length in range(1, len(path) + 1):
            self.lines.setdefault(path[:length], line)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        if match:
            self.at = match.end()

    def _take(self, token: str) -> bool:
        if self.text.startswith(token, self.at):
            self.at += len(token)
            return True
        return False

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise _LostError

    def _document(self) -> None:
        table: KeyPath = ()
        while True:
            self._skip(_GAP)
            if self.at >= len(self.text):
                return
            if self._take("[["):
                table = self._header(is_array=True)
                self._expect("]]")
            elif self._take("["):
                table = self._header(is_array=False)
                self._expect("]")
            else:
                self._pair(table)

    def _header(self, *, is_array: bool) -> KeyPath:
        keys = self._keys()
        path: KeyPath = ()
        for number, key in enumerate(keys, 1):
            path = (*path, key)
            if is_array and number == len(keys):
                self._counts[path] = self._counts.get(path, 0) + 1
            if path in self._counts:
                self._note(path)
                path = (*path, self._counts[path] - 1)
        self._note(path)
        self.headers.append((self._line(), path))
        return path

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._skip(_BLANK)
            keys.append(self._key())
            self._skip(_BLANK)
            if not self._take("."):
                return keys

    def _key(self) -> str:
        bare = _BARE_KEY.match(self.text, self.at)
        if bare:
            self.at = bare.end()
            return bare[0]
        quoted = _STRING.match(self.text, self.at)
        if not quoted:
            raise _LostError
        self.at = quoted.end()
        try:
            return str(tomllib.loads(f"key = {quoted[0]}")["key"])
        except ValueError as error:
            raise _LostError from error

    def _pair(self, table: KeyPath) -> None:
        start = self.at
        keys = self._keys()
        end, self.at = self.at, start
        path = (*table, *keys)
        self._note(path)
        self.at = end
        self._expect("=")
        self._skip(_BLANK)
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        if self._take("["):
            self._array(path)
        elif self._take("{"):
            self._inline_table(path)
        else:
            match = _STRING.match(self.text, self.at) or _SCALAR.match(self.text, self.at)
            if not match:
                raise _LostError
            self.at = match.end()

    def _array(self, path: KeyPath) -> None:
        number = 0
        while True:
            self._skip(_GAP)
            if self._take("]"):
                return
            self._note((*path, number))
            self._value((*path, number))
            number += 1
            self._skip(_GAP)
            self._take(",")

    def _inline_table(self, path: KeyPath) -> None:
        while True:
            self._skip(_GAP)
            if self._take("}"):
                return
            self._pair(path)
            self._skip(_GAP)
            self._take(",")
