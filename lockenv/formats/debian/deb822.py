"""Debian's control syntax (deb822(5), Debian Policy 5.1): stanzas of fields, read from bytes.

Field names are compared without case, so they come out in lower case. Nothing is decoded until it
is asked for: an index of tens of thousands of stanzas is cut by `stanza_spans` alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What ends a stanza: a line feed, and a line that is empty or blank.
_BLANK = re.compile(rb"\n[ \t\r]*\n")


def stanza_spans(data: bytes) -> Iterator[tuple[int, int]]:
    """Where each stanza of a document begins and ends, in order; empty ones are left out."""
    position, end = 0, len(data)
    find = data.find
    while position < end:
        stop = find(b"\n\n", position)
        if stop < 0:
            stop = end
        if stop > position and not data[position : position + 1].isspace():
            yield position, stop
            position = stop + 2
        elif stop > position:
            # An empty line more than usual stands before the stanza.
            position += 1
        else:
            position += 1


def parse_stanza(data: bytes) -> dict[str, str]:
    """The fields of one stanza by lower-case name; continuation lines keep their line feeds."""
    fields: dict[str, str] = {}
    name = ""
    for line in data.decode("utf-8", "replace").split("\n"):
        if line[:1] in {" ", "\t"}:
            if name:
                fields[name] += "\n" + line.rstrip()
        elif line[:1] != "#":
            before, colon, after = line.partition(":")
            if colon:
                name = before.strip().lower()
                fields[name] = after.strip()
    return fields


def parse_stanzas(data: bytes) -> Iterator[dict[str, str]]:
    """Every stanza of a small document; blank lines may hold blanks."""
    for piece in _BLANK.split(data.strip() + b"\n"):
        fields = parse_stanza(piece)
        if fields:
            yield fields
