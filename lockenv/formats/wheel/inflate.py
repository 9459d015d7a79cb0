"""Inflate and CRC-32, by the fastest library that there is for this machine."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Inflater(Protocol):
    """What the decompressors of both libraries have in common."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""

    @property
    def unconsumed_tail(self) -> bytes:
        """Input that was not looked at because the output was full."""

    @property
    def unused_data(self) -> bytes:
        """Input behind the end of the stream."""

    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes:
        """At most so many bytes more."""


#: A raw deflate stream with the largest window, as zip members are.
_RAW = -15


def _fastest() -> tuple[Callable[[int], Inflater], Callable[[bytes, int], int]]:
    try:
        from isal import isal_zlib  # noqa: PLC0415 - there may be no build of it for this machine
    except ImportError:  # the standard library gives the same bytes
        return zlib.decompressobj, zlib.crc32
    return isal_zlib.decompressobj, isal_zlib.crc32


_decompressobj, _crc32 = _fastest()


def inflater() -> Inflater:
    """A decompressor for one raw deflate stream (RFC 1951)."""
    return _decompressobj(_RAW)


def crc32(data: bytes, start: int = 0) -> int:
    """The CRC-32 of the bytes, going on from ``start``."""
    return _crc32(data, start)
