"""One ``Packages`` index, read once into a file of the store and looked up in place afterwards.

The file is the index's own text followed by tables: the names of its stanzas sorted, where each
stanza lies, who provides which name, and which stanzas are essential or required. So building it
costs one pass of byte searches, opening it nothing, and only stanzas that are asked for are parsed.
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
from array import array
from bisect import bisect_left
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.errors import IntegrityError
from lockenv.formats.debian import parse_stanza, stanza_spans
from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Changes with the layout of the file, whose name carries it: files of other layouts are not read.
LAYOUT = 1
_MAGIC = b"lockenv\x01"
#: Six lengths of sections and the magic, at the end, because the text is written as it streams in.
_TRAILER = struct.Struct("<6Q8s")
#: Offsets are kept in 32 bits; the largest index there is (sid's) has 60 MB.
LARGEST_TEXT = (1 << 32) - 1


@dataclass(slots=True)
class _Tables:
    names: list[bytes] = field(default_factory=list)
    starts: array[int] = field(default_factory=lambda: array("I"))
    lengths: array[int] = field(default_factory=lambda: array("I"))
    provided: list[tuple[bytes, int]] = field(default_factory=list)
    marked: set[int] = field(default_factory=set)

    def read(self, text: bytes, base: int) -> None:
        """Note the whole stanzas of a piece of the text that begins at ``base`` of the whole."""
        first = len(self.names)
        starts = []
        for start, stop in stanza_spans(text):
            if text.startswith(b"Package:", start):
                line = text.find(b"\n", start, stop)
                name = text[start + 8 : stop if line < 0 else line]
            else:
                name = _value_after(text, b"\nPackage:", start, stop)
            if name:
                starts.append(start)
                self.names.append(name.strip())
                self.starts.append(base + start)
                self.lengths.append(stop - start)
        for place, value in _values(text, b"\nProvides:"):
            ordinal = first + bisect_left(starts, place) - 1
            for name in _provided_names(value):
                self.provided.append((name, ordinal))
        for mark in (b"\nEssential: yes", b"\nPriority: required", b"\nImportant: yes"):
            self.marked.update(
                first + bisect_left(starts, place) - 1 for place, _ in _values(text, mark)
            )

    def write(self, file: IndexWriter) -> None:
        order = sorted(range(len(self.names)), key=self.names.__getitem__)
        self.provided.sort()
        sections = (
            b"\n".join(self.names[place] for place in order),
            array("I", (self.starts[place] for place in order)).tobytes(),
            array("I", (self.lengths[place] for place in order)).tobytes(),
            b"\n".join(name for name, _ in self.provided),
            _places(order, (ordinal for _, ordinal in self.provided)),
            _places(order, sorted(self.marked)),
        )
        for section in sections:
            file.write(section)
        file.write(_TRAILER.pack(*(len(section) for section in sections), _MAGIC))


def _places(order: list[int], ordinals: Iterable[int]) -> bytes:
    sorted_place = array("I", bytes(4 * len(order)))
    for place, ordinal in enumerate(order):
        sorted_place[ordinal] = place
    return array("I", (sorted_place[ordinal] for ordinal in ordinals)).tobytes()


def _value_after(text: bytes, mark: bytes, start: int, stop: int) -> bytes:
    place = text.find(mark, start, stop)
    if place < 0:
        return b""
    line = text.find(b"\n", place + 1, stop)
    return text[place + len(mark) : stop if line < 0 else line]


def _values(text: bytes, mark: bytes) -> Iterator[tuple[int, bytes]]:
    """Where a field stands, and its value with continuation lines."""
    place = text.find(mark)
    while place >= 0:
        begin = place + len(mark)
        end = text.find(b"\n", begin)
        while 0 <= end < len(text) - 1 and text[end + 1] in b" \t":
            end = text.find(b"\n", end + 1)
        yield place + 1, text[begin : len(text) if end < 0 else end]
        place = text.find(mark, begin)


def _provided_names(value: bytes) -> Iterator[bytes]:
    for part in value.split(b","):
        name = part.partition(b"(")[0].partition(b":")[0].strip()
        if name:
            yield name


class IndexWriter:
    """Takes an index's text in pieces and puts the finished file in its place, or nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".index-", dir=path.parent)
        self._file = os.fdopen(handle, "wb")
        self._temporary = Path(name)

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._file.write(data)

    def build(self, pieces: Iterable[bytes]) -> None:
        """Read the whole text, write it and its tables, and put the file in its place."""
        try:
            tables, rest, base = _Tables(), b"", 0
            for piece in pieces:
                self.write(piece)
                rest += piece
                cut = rest.rfind(b"\n\n")
                if cut >= 0:
                    tables.read(rest[: cut + 1], base)
                    base += cut + 2
                    rest = rest[cut + 2 :]
            if rest:
                tables.read(rest, base)
            # Sections begin at a multiple of four, as arrays of 32 bits must.
            tables.write(self)
            self._file.close()
            # A store may be shared: temporary files are for their owner's eyes only.
            self._temporary.chmod(0o644)
            self._temporary.replace(self._path)
        finally:
            self._file.close()
            with suppress(FileNotFoundError):
                self._temporary.unlink()


class PackageIndex:
    """A finished index file. Stanzas are numbered in the order of their names."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        end = len(self._data) - _TRAILER.size
        *lengths, magic = _TRAILER.unpack_from(self._data, max(end, 0))
        begin = end - sum(lengths)
        if magic != _MAGIC or begin < 0:
            raise IntegrityError(
                "broken-store",
                f"{path} is not a whole index",
                fix="lockenv cache prune, then lock again",
            )
        self._sections: list[tuple[int, int]] = []
        for length in lengths:
            self._sections.append((begin, begin + length))
            begin += length
        self._parsed: dict[int, dict[str, str]] = {}

    def _section(self, number: int) -> bytes:
        begin, end = self._sections[number]
        return self._data[begin:end]

    def _numbers(self, number: int) -> array[int]:
        numbers = array("I")
        numbers.frombytes(self._section(number))
        return numbers

    def _texts(self, number: int) -> list[bytes]:
        section = self._section(number)
        return section.split(b"\n") if section else []

    @cached_property
    def names(self) -> list[bytes]:
        """The names of all stanzas, sorted; a name stands as often as it has versions."""
        return self._texts(0)

    @cached_property
    def _starts(self) -> array[int]:
        return self._numbers(1)

    @cached_property
    def _lengths(self) -> array[int]:
        return self._numbers(2)

    @cached_property
    def _provided(self) -> list[bytes]:
        return self._texts(3)

    @cached_property
    def _providers(self) -> array[int]:
        return self._numbers(4)

    def stanzas_of(self, name: bytes) -> Iterator[int]:
        """The numbers of the stanzas of a package, in the order of the index."""
        place = bisect_left(self.names, name)
        while place < len(self.names) and self.names[place] == name:
            yield place
            place += 1

    def providers_of(self, name: bytes) -> Iterator[int]:
        """The numbers of the stanzas whose Provides names it."""
        place = bisect_left(self._provided, name)
        while place < len(self._provided) and self._provided[place] == name:
            yield self._providers[place]
            place += 1

    def marked(self) -> list[int]:
        """The numbers of the stanzas that are essential, important or of priority required."""
        return sorted(self._numbers(5))

    def position(self, number: int) -> int:
        """Where a stanza lies in the text: the order in which the index lists them."""
        return self._starts[number]

    def stanza(self, number: int) -> dict[str, str]:
        """The fields of a stanza, parsed at most once; the reader must not change them."""
        found = self._parsed.get(number)
        if found is None:
            start = self._starts[number]
            found = parse_stanza(self._data[start : start + self._lengths[number]])
            self._parsed[number] = found
        return found

    def text(self, stop: int | None = None) -> bytes:
        """The index's own text, or its beginning."""
        end = self._sections[0][0]
        return self._data[: end if stop is None else min(stop, end)]


def open_index(path: Path) -> PackageIndex | None:
    """The finished index at a path, or None where there is none or it is not whole."""
    try:
        return PackageIndex(path)
    except (FileNotFoundError, ValueError, struct.error, IntegrityError):
        return None
