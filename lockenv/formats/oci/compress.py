"""The compressors of layers: gzip (RFC 1952) by ISA-L, zstd (RFC 8878), or none.

A layer is compressed in pieces whose borders its content alone decides, so any number of threads
gives the same bytes, and a piece can be kept and used again. Members of gzip and frames of zstd may
follow one another; every reader of OCI layers takes them so.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import zstandard

from lockenv.errors import HostError
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

Buffer: TypeAlias = bytes | memoryview
_T = TypeVar("_T")

COMPRESSIONS = ("gzip", "zstd", "none")
#: Large enough to cost 1 % of size at most, small enough for many threads.
PIECE = 8 << 20
#: ISA-L at 1 does 410 MB/s a core for 14 % more bytes than zlib at 6, which does 27.
_GZIP_LEVEL = 1
#: zstd at 3 does 196 MB/s a core; the levels above cost more than they save.
_ZSTD_LEVEL = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Compressor:
    """One way of compressing; ``label`` tells it from every other that writes other bytes.

    Where nothing is compressed, both functions answer with the very object that they are given.
    The label ends with a probe: the first digits of the digest of a fixed text, compressed. Another
    library, version or processor that writes other bytes has another label, without our knowing.
    """

    name: str
    label: str
    compress: Callable[[Buffer], Buffer]
    decompress: Callable[[bytes], bytes]


def _sample() -> bytes:
    """A fixed text with runs, near repeats and bytes that do not compress."""
    noise = b"".join(hashlib.sha256(bytes([n])).digest() for n in range(64))
    words = b"".join(b"usr/lib/%d/lib%d.so.%d\n" % (n % 7, n * n % 89, n % 5) for n in range(4000))
    return bytes(5000) + words + noise + words[::2]


def _same(data: _T) -> _T:
    return data


def _label(name: str, settings: str, compress: Callable[[Buffer], bytes]) -> str:
    probe = hashlib.sha256(compress(_sample())).hexdigest()[:8]
    return f"{name} {settings} piece {PIECE >> 20}MiB probe {probe}"


def _open_gzip() -> Compressor:
    try:
        from isal import isal_zlib  # noqa: PLC0415  a heavy library, and not on every machine
    except ImportError as error:
        raise HostError(
            "no-compressor",
            "gzip layers are written by ISA-L, which this installation lacks",
            why=("another gzip would give the image another manifest digest",),
            fix='choose --compression zstd, or run `pip install "isal>=1.7"`',
        ) from error

    def once(data: Buffer) -> bytes:
        # 31: a gzip header without name and time, the largest window.
        return isal_zlib.compress(data, _GZIP_LEVEL, 31)

    def compress(data: Buffer) -> bytes:
        # One piece in thousands was seen to come out with one match fewer, and so with other bytes,
        # in ISA-L 2.32.1. So each piece is compressed until two of its results agree.
        results = [once(data), once(data)]
        while results[-1] not in results[:-1]:
            results.append(once(data))
        return results[-1]

    def decompress(data: bytes) -> bytes:
        return isal_zlib.decompress(data, 31)

    return Compressor(
        name="gzip",
        label=_label("gzip", f"isal level {_GZIP_LEVEL}", compress),
        compress=compress,
        decompress=decompress,
    )


def _open_zstd() -> Compressor:
    def compress(data: Buffer) -> bytes:
        # A context of its own for each piece: contexts are not shared between threads.
        return zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=False).compress(data)

    def decompress(data: bytes) -> bytes:
        return zstandard.ZstdDecompressor().decompress(data, max_output_size=PIECE)

    return Compressor(
        name="zstd",
        label=_label("zstd", f"libzstd level {_ZSTD_LEVEL}", compress),
        compress=compress,
        decompress=decompress,
    )


def open_compressor(name: str) -> Compressor:
    """The compressor that ``[image] compression`` names; HostError where its library is missing."""
    if name == "gzip":
        return _open_gzip()
    if name == "zstd":
        return _open_zstd()
    if name == "none":
        return Compressor(name="none", label="none", compress=_same, decompress=_same)
    raise ValueError(f"not a compression: {name!r}")
