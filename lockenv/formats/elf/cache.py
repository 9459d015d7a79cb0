"""The linker's cache of libraries, ``/etc/ld.so.cache``, as glibc 2.33 and newer read it.

The format is that of ``sysdeps/generic/dl-cache.h``: a header, one row a library, strings, and
an extension for libraries of newer processors (``glibc-hwcaps``). Numbers are little-endian, as on
every machine that images are made for.
"""

from __future__ import annotations

import struct
from functools import cmp_to_key
from typing import TYPE_CHECKING

from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

_MAGIC = b"glibc-ld.so.cache1.1"
_HEADER, _ROW = struct.Struct("<20sII4sI12x"), struct.Struct("<iIIIQ")
_EXTENSION, _SECTION = struct.Struct("<II"), struct.Struct("<IIII")
_LITTLE_ENDIAN = bytes((2, 0, 0, 0))
_EXTENSION_MAGIC, _HWCAPS_TAG, _HWCAP = 0xEAA42174, 1, 1 << 62
#: FLAG_ELF_LIBC6, and the ABI that a machine's libraries are of.
_FLAGS = {"x86_64": 0x0303, "aarch64": 0x0A03, "arm": 0x0903}
_PLAIN = 0x0003


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedLibrary:
    """A library by the name that programs ask for, and its place.

    ``machine`` is that of `DynamicFacts`; ``level`` the folder below ``glibc-hwcaps``, if any.
    """

    soname: str
    path: str
    machine: str
    level: str = ""


def compare_libraries(one: str, two: str) -> int:
    """The order of names in the cache (glibc's ``_dl_cache_libcmp``): numbers by their value."""
    first, second = _words(one), _words(two)
    for left, right in zip(first, second, strict=False):
        if left == right:
            continue
        if isinstance(left, int) and isinstance(right, int):
            return -1 if left < right else 1
        if isinstance(left, int) or isinstance(right, int):
            return 1 if isinstance(left, int) else -1
        return -1 if left < right else 1
    return (len(first) > len(second)) - (len(first) < len(second))


def _words(name: str) -> list[int | bytes]:
    """A name as its bytes and numbers."""
    found: list[int | bytes] = []
    digits = b""
    for byte in name.encode("utf-8", "surrogateescape"):
        one = bytes((byte,))
        if one.isdigit():
            digits += one
            continue
        if digits:
            found.append(int(digits))
            digits = b""
        found.append(one)
    return [*found, int(digits)] if digits else found


def render_cache(libraries: Iterable[CachedLibrary]) -> bytes:
    """The cache of libraries, which come in the order in which folders are searched."""
    rows = _sorted(libraries)
    levels = sorted({row.level for row in rows if row.level})
    strings, places = bytearray(), {}
    for text in dict.fromkeys([*levels, *(t for row in rows for t in (row.soname, row.path))]):
        places[text] = _HEADER.size + len(rows) * _ROW.size + len(strings)
        strings += text.encode("utf-8", "surrogateescape") + b"\0"
    table = b"".join(
        _ROW.pack(
            _FLAGS.get(row.machine, _PLAIN),
            places[row.soname],
            places[row.path],
            0,
            _HWCAP | levels.index(row.level) if row.level else 0,
        )
        for row in rows
    )
    length = len(strings)
    strings += bytes(-(_HEADER.size + len(table) + length) % 4)
    end = _HEADER.size + len(table) + len(strings)
    extension = _extension(end, [places[level] for level in levels])
    place = end if extension else 0
    return (
        _HEADER.pack(_MAGIC, len(rows), length, _LITTLE_ENDIAN, place) + table + strings + extension
    )


_by_name = cmp_to_key(compare_libraries)


def _sorted(libraries: Iterable[CachedLibrary]) -> list[CachedLibrary]:
    """Names downward, as ld.so's search goes; of one name those of newer processors first."""
    rows = sorted(
        libraries,
        key=lambda row: (-_FLAGS.get(row.machine, _PLAIN), not row.level, row.level),
    )
    return sorted(rows, key=lambda row: _by_name(row.soname), reverse=True)


def _extension(start: int, levels: list[int]) -> bytes:
    """The names of processors' levels, which rows name by number; empty without any."""
    if not levels:
        return b""
    place = start + _EXTENSION.size + _SECTION.size
    return (
        _EXTENSION.pack(_EXTENSION_MAGIC, 1)
        + _SECTION.pack(_HWCAPS_TAG, 0, place, 4 * len(levels))
        + struct.pack(f"<{len(levels)}I", *levels)
    )
