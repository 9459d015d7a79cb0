"""TOML 1.0 as the lock writes it: one spelling for each value, ASCII only, with check digits."""

from __future__ import annotations

from binascii import crc_hqx
from typing import TYPE_CHECKING, TypeAlias

from lockenv.patterns import pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_BARE = pattern(r"[A-Za-z0-9_-]+\Z")
#: What a basic string may hold as it is. All else is escaped: whether a character is printable
#: differs between Unicode versions, and a right-to-left mark must not deceive a reviewer.
_PLAIN = pattern(r"[ !#-\[\]-~]*\Z")
_MOMENT = pattern(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")
_SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


class Moment(str):
    """A time in UTC, which TOML writes without quotes: ``2026-01-02T03:04:05Z``."""

    __slots__ = ()


Value: TypeAlias = "str | int | bool | tuple[str, ...] | Mapping[str, Value]"


def quote(text: str) -> str:
    """A basic string; a lone surrogate, which no TOML can hold, becomes U+FFFD."""
    if _PLAIN.match(text):
        return f'"{text}"'
    return '"' + "".join(_escape(character) for character in text) + '"'


def _escape(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    if " " <= character <= "~":
        return character
    number = ord(character)
    if 0xD800 <= number <= 0xDFFF:
        number = 0xFFFD
    return f"\\u{number:04X}" if number <= 0xFFFF else f"\\U{number:08X}"


def key(name: str) -> str:
    """A key: bare where TOML allows that, else quoted."""
    return name if _BARE.match(name) else quote(name)


def value(item: Value) -> str:
    """Any value on one line; ValueError for a `Moment` that is none."""
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, Moment):
        if not _MOMENT.match(item):
            raise ValueError(f"not a time in UTC and whole seconds: {str(item)[:100]!r}")
        return str(item)
    if isinstance(item, str):
        return quote(item)
    if isinstance(item, int):
        return str(item)
    if isinstance(item, tuple):
        return "[" + ", ".join(quote(member) for member in item) + "]"
    return inline(item)


def inline(table: Mapping[str, Value]) -> str:
    """An inline table, its keys in the order given."""
    if not table:
        return "{}"
    return "{ " + ", ".join(f"{key(name)} = {value(item)}" for name, item in table.items()) + " }"


def array(name: str, members: Iterable[str]) -> list[str]:
    """``name = [`` with one written member a line; nothing where there is none."""
    lines = [f"  {member}," for member in members]
    return [f"{key(name)} = [", *lines, "]"] if lines else []


def texts(name: str, members: Iterable[str]) -> list[str]:
    """An array of strings, one a line; nothing where there is none."""
    return array(name, [quote(member) for member in members])


def pair(name: str, item: Value | None) -> list[str]:
    """``name = value``; nothing for None, the empty string and False, which are all defaults."""
    if item is None or item is False or item == "":
        return []
    return [f"{key(name)} = {value(item)}"]


def dotted(name: str, table: Mapping[str, str | tuple[str, ...]]) -> list[str]:
    """``name.key = value`` for each key of a table, sorted."""
    return [f"{key(name)}.{key(below)} = {value(table[below])}" for below in sorted(table)]


def check_digits(text: str) -> str:
    """Four digits (CRC-16/XMODEM) that differ whenever one byte of the text does.

    They stand in a comment, so that an entry which was edited by hand is no longer canonical. They
    guard against accidents; whoever means harm can compute them too.
    """
    return f"{crc_hqx(text.encode(), 0):04x}"


def entry(name: str, body: list[str], before: str = "") -> str:
    """One member of an array of tables, with its check digits.

    They also cover the name of the entry ``before`` it, so that one which is lost, doubled or put
    in shows in the entry that follows.
    """
    text = "\n".join(body)
    return f"[[{name}]] # {check_digits(before + text)}\n{text}\n"


def ending(before: str) -> str:
    """The last line, which shows that the last entry is still there."""
    return f"# end # {check_digits(before)}\n"
