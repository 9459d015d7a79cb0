"""The dynamic section of an ELF file: what it needs, what it is called, where it looks.

System V ABI, chapter 4 (object files) and 5 (dynamic linking); symbol versions as in the Linux
Standard Base core, 10.7. Every offset is checked against the file before it is followed, and every
loop has a bound: the bytes may be hostile.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator
    from mmap import mmap

    Buffer = bytes | bytearray | memoryview | mmap

_MAGIC = b"\x7fELF"
_PT_LOAD, _PT_DYNAMIC = 1, 2
_DT_NULL, _DT_NEEDED, _DT_STRTAB, _DT_STRSZ = 0, 1, 5, 10
_DT_SONAME, _DT_RPATH, _DT_RUNPATH = 14, 15, 29
_DT_VERNEED, _DT_VERNEEDNUM = 0x6FFFFFFE, 0x6FFFFFFF
#: e_machine of the machines that lockenv knows.
_MACHINES = {62: "x86_64", 183: "aarch64", 3: "i386", 40: "arm"}
#: Far more than real files have: libraries with 200 needed ones do not exist.
_MAX_PROGRAM_HEADERS, _MAX_SECTIONS, _MAX_ENTRIES, _MAX_VERSIONS = 512, 65536, 4096, 4096
#: The longest name that a file system takes, and the longest path (RUNPATH).
_MAX_NAME, _MAX_PATH = 255, 4096


class ElfError(ValueError):
    """The bytes are not an ELF file that can be followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicFacts:
    """What linking asks of one file.

    ``needed`` is in the file's order, as the loader searches; ``versions`` are (library, version)
    pairs, sorted. A statically linked file has none of these.
    """

    machine: str
    needed: tuple[str, ...] = ()
    soname: str | None = None
    runpath: tuple[str, ...] = ()
    rpath: tuple[str, ...] = ()
    versions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Segment:
    kind: int
    offset: int
    address: int
    size: int


class _Image:
    """Checked access to the bytes, in the file's own byte order and word size."""

    def __init__(self, data: Buffer) -> None:
        self.data = memoryview(data)
        if len(self.data) < 64 or bytes(self.data[:4]) != _MAGIC:
            raise ElfError("not an ELF file")
        if self.data[4] not in {1, 2} or self.data[5] not in {1, 2}:
            raise ElfError("unknown ELF class or byte order")
        self.is_64 = self.data[4] == 2
        self.order = "<" if self.data[5] == 1 else ">"
        self.word = "Q" if self.is_64 else "I"

    def unpack(self, layout: str, offset: int) -> tuple[int, ...]:
        size = struct.calcsize(self.order + layout)
        if offset < 0 or offset + size > len(self.data):
            raise ElfError("an offset points outside the file")
        return struct.unpack_from(self.order + layout, self.data, offset)

    def text(self, table: tuple[int, int], position: int, limit: int) -> str:
        start, end = table[0] + position, table[0] + table[1]
        if position < 0 or start >= end or end > len(self.data):
            raise ElfError("a string lies outside its table")
        raw = bytes(self.data[start : min(end, start + limit + 1)])
        stop = raw.find(b"\0")
        if stop < 0:
            raise ElfError("a string has no end")
        return raw[:stop].decode("utf-8", "replace")

    def machine(self) -> str:
        (number,) = self.unpack("H", 18)
        return _MACHINES.get(number, f"machine-{number}")

    def segments(self) -> list[_Segment]:
        if self.is_64:
            (table,) = self.unpack("Q", 32)
            size, count = self.unpack("HH", 54)
        else:
            (table,) = self.unpack("I", 28)
            size, count = self.unpack("HH", 42)
        if count > _MAX_PROGRAM_HEADERS or (count and size < (56 if self.is_64 else 32)):
            raise ElfError("too many or too small program headers")
        return [self._segment(table + number * size) for number in range(count)]

    def _segment(self, at: int) -> _Segment:
        if self.is_64:
            kind, _flags, offset, address, _physical, size, *_ = self.unpack("IIQQQQQQ", at)
        else:
            kind, offset, address, _physical, size, *_ = self.unpack("IIIIIIII", at)
        return _Segment(kind, offset, address, size)


def parse_dynamic(data: Buffer) -> DynamicFacts:
    """The dynamic section of an ELF file; ElfError if it is none or lies about its offsets."""
    image = _Image(data)
    segments = image.segments()
    dynamic = next((s for s in segments if s.kind == _PT_DYNAMIC), None)
    if dynamic is None:
        return DynamicFacts(machine=image.machine())
    entries = list(_entries(image, dynamic))
    single = dict(entries)
    if _DT_STRTAB not in single:
        return DynamicFacts(machine=image.machine())
    start = _file_offset(segments, single[_DT_STRTAB])
    table = (start, min(single.get(_DT_STRSZ, 0), len(image.data) - start))

    def text(position: int, limit: int = _MAX_NAME) -> str:
        return image.text(table, position, limit)

    def path(tag: int) -> tuple[str, ...]:
        return tuple(text(single[tag], _MAX_PATH).split(":")) if tag in single else ()

    versions: set[tuple[str, str]] = set()
    if _DT_VERNEED in single:
        at = _file_offset(segments, single[_DT_VERNEED])
        for library, version in _versions(image, at, single.get(_DT_VERNEEDNUM, 0)):
            versions.add((text(library), text(version)))
    return DynamicFacts(
        machine=image.machine(),
        needed=tuple(text(value) for tag, value in entries if tag == _DT_NEEDED),
        soname=text(single[_DT_SONAME]) if _DT_SONAME in single else None,
        runpath=path(_DT_RUNPATH),
        rpath=path(_DT_RPATH),
        versions=tuple(sorted(versions)),
    )


def _entries(image: _Image, dynamic: _Segment) -> Iterator[tuple[int, int]]:
    width = 16 if image.is_64 else 8
    for number in range(min(dynamic.size // width, _MAX_ENTRIES)):
        tag, value = image.unpack(image.word * 2, dynamic.offset + number * width)
        if tag == _DT_NULL:
            return
        yield tag, value


def _versions(image: _Image, at: int, count: int) -> Iterator[tuple[int, int]]:
    for _ in range(min(count, _MAX_VERSIONS)):
        _version, members, library, first, following = image.unpack("HHIII", at)
        member = at + first
        for _ in range(min(members, _MAX_VERSIONS)):
            _hash, _flags, _other, name, onward = image.unpack("IHHII", member)
            yield library, name
            if not onward:
                break
            member += onward
        if not following:
            return
        at += following


def _file_offset(segments: list[_Segment], address: int) -> int:
    for segment in segments:
        if segment.kind == _PT_LOAD and segment.address <= address < segment.address + segment.size:
            return address - segment.address + segment.offset
    raise ElfError("an address lies in no segment")


def section_range(data: Buffer, name: str) -> tuple[int, int] | None:
    """Offset and size of a named section, or None where there is none (or no section table)."""
    image = _Image(data)
    if image.is_64:
        (table,) = image.unpack("Q", 40)
        size, count, names = image.unpack("HHH", 58)
    else:
        (table,) = image.unpack("I", 32)
        size, count, names = image.unpack("HHH", 46)
    if not table or count > _MAX_SECTIONS or names >= count:
        return None
    if size < (64 if image.is_64 else 40):
        raise ElfError("too small section headers")

    def header(number: int) -> tuple[int, int, int]:
        layout = "IIQQQQ" if image.is_64 else "IIIIII"
        place, _kind, _flags, _address, offset, length = image.unpack(layout, table + number * size)
        return place, offset, length

    _, strings, strings_size = header(names)
    for number in range(count):
        place, offset, length = header(number)
        if place < strings_size and image.text((strings, strings_size), place, 4096) == name:
            if offset + length > len(image.data):
                raise ElfError("a section lies outside the file")
            return offset, length
    return None


_SONAME = re.compile(rb"\0(lib[A-Za-z0-9_+.-]{1,80}\.so(?:\.\d{1,6}){0,4})(?=\0)")


def sonames_in_prefix(prefix: bytes) -> tuple[str, ...]:
    """Names of shared libraries in the first bytes of an ELF file, sorted; weak evidence.

    Linkers put the dynamic string table near the front and the section that says which of its
    strings are needed near the end. A whole string in it that is a versioned library's name is a
    needed library, a symbol version's file or the file's own name.
    """
    if prefix[:4] != _MAGIC:
        return ()
    return tuple(sorted({found.decode("ascii") for found in _SONAME.findall(prefix)}))
