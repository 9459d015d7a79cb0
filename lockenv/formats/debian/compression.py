"""The compressions that Debian's archives use, decoded in pieces and within a limit."""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import IO, TYPE_CHECKING, Protocol, cast

import zstandard

from lockenv.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Endings that `decompressed` understands, the cheapest to decode first among those in use.
COMPRESSIONS = (".zst", ".gz", ".xz", ".bz2", "")
_PIECE = 1 << 20


class _Decoder(Protocol):
    def decompress(self, data: bytes, /) -> Iterator[bytes]: ...


class Readable(Protocol):
    """Where compressed bytes come from."""

    def read(self, count: int, /) -> bytes:
        """Up to ``count`` bytes; none at the end."""


class _Plain:
    def decompress(self, data: bytes, /) -> Iterator[bytes]:
        yield data


class _Inflater:
    """zlib's decoder with the manners of the others."""

    def __init__(self) -> None:
        self._decoder = zlib.decompressobj(wbits=31)
        self._rest = b""

    def decompress(self, data: bytes, most: int, /) -> bytes:
        found = self._decoder.decompress(self._rest + data, most)
        self._rest = self._decoder.unconsumed_tail
        return found

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def needs_input(self) -> bool:
        return not self._rest

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data


class _Members:
    """Gzip, xz and bzip2 files may be several joined: a new decoder starts where one ended."""

    def __init__(self, ending: str) -> None:
        self._ending = ending
        self._decoder = self._new()

    def _new(self) -> lzma.LZMADecompressor | bz2.BZ2Decompressor | _Inflater:
        match self._ending:
            case ".gz":
                return _Inflater()
            case ".bz2":
                return bz2.BZ2Decompressor()
            case _:
                return lzma.LZMADecompressor()

    def decompress(self, data: bytes, /) -> Iterator[bytes]:
        """What a piece holds, never more at once than `_PIECE`: it may hold gigabytes."""
        while data:
            if self._decoder.eof:
                data = data.lstrip(b"\0")  # padding after a member
                if not data:
                    break
                self._decoder = self._new()
            yield self._decoder.decompress(data, _PIECE)
            while not self._decoder.eof and not self._decoder.needs_input:
                yield self._decoder.decompress(b"", _PIECE)
            data = self._decoder.unused_data

    @property
    def complete(self) -> bool:
        return self._decoder.eof


def _broken(name: str, why: str) -> IntegrityError:
    return IntegrityError(
        "broken-compression",
        f"{name} cannot be decompressed",
        why=(why,),
        fix="do not use this file; fetch it again or tell its publisher",
    )


def _pieces(stream: Readable) -> Iterator[bytes]:
    while piece := stream.read(_PIECE):
        yield piece


def decompressed(stream: Readable, ending: str, name: str, *, limit: int) -> Iterator[bytes]:
    """The plain bytes in pieces; IntegrityError past ``limit`` or where they are malformed.

    ``name`` stands for the file in messages, ``ending`` is one of `COMPRESSIONS`.
    """
    if ending == ".zst":
        yield from _bounded(_zstd(stream, name), name, limit)
        return
    decoder: _Decoder = _Members(ending) if ending else _Plain()
    yield from _bounded(_decoded(stream, decoder, name), name, limit)


def _decoded(stream: Readable, decoder: _Decoder, name: str) -> Iterator[bytes]:
    try:
        for piece in _pieces(stream):
            yield from decoder.decompress(piece)
    except (lzma.LZMAError, zlib.error, OSError, EOFError) as error:
        raise _broken(name, str(error)) from None
    if isinstance(decoder, _Members) and not decoder.complete:
        raise _broken(name, "it ends too early")


class _Source:
    """What the zstandard library wants to read from."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream

    def read(self, size: int = -1, /) -> bytes:
        return self._stream.read(size if size > 0 else _PIECE)


def _zstd(stream: Readable, name: str) -> Iterator[bytes]:
    # 128 MiB: the largest window that `zstd --ultra` makes and decoders accept by default.
    decoder = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    try:
        # The library wants a file and uses its `read` alone.
        source = cast("IO[bytes]", _Source(stream))
        reader = decoder.stream_reader(source, read_across_frames=True)
        while piece := reader.read(_PIECE):
            yield piece
    except zstandard.ZstdError as error:
        raise _broken(name, str(error)) from None


def _bounded(pieces: Iterator[bytes], name: str, limit: int) -> Iterator[bytes]:
    total = 0
    for piece in pieces:
        total += len(piece)
        if total > limit:
            raise _broken(name, f"it decompresses to more than {limit} bytes")
        yield piece
