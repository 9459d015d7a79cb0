"""Layers of base images, and archives of a toolkit, that attack whoever unpacks them.

    LAYERS["a path that leaves"]("/the/folder/outside")       # the bytes of a layer

``CONTAINED`` are layers that a root may hold, as it is a world of its own.
"""

from __future__ import annotations

import gzip
import lzma
import tarfile
from typing import TYPE_CHECKING

import zstandard

from tests.support.archives import TarEntry, tar_of
from tests.support.hostile_debs import EVIL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_UP = "../" * 24
_NOTHING = bytes(16 << 20)


def _link(path: str, target: str) -> TarEntry:
    return TarEntry(path, kind=tarfile.SYMTYPE, link=target, mode=0o777)


def _hard(path: str, target: str) -> TarEntry:
    return TarEntry(path, kind=tarfile.LNKTYPE, link=target)


def _folder(path: str) -> TarEntry:
    return TarEntry(path, kind=tarfile.DIRTYPE, mode=0o755)


def _bomb(piece: Callable[[bytes], bytes], path: str, count: int) -> bytes:
    """One file of ``count`` times nothing; streams of these formats may follow one another."""
    head = TarEntry(path, declared=count * len(_NOTHING)).packed
    return piece(head) + piece(_NOTHING) * count


def _zst(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=1).compress(data)


def _gz(data: bytes) -> bytes:
    return gzip.compress(data, 1, mtime=0)


def _xz(data: bytes) -> bytes:
    return lzma.compress(data, preset=0)


_ETC = _folder("etc")
LAYERS: Mapping[str, Callable[[str], bytes]] = {
    "a path that leaves": lambda _: tar_of([TarEntry(f"{_UP}{EVIL}", b"x")]),
    "a path that leaves by a pax record": lambda _: tar_of(
        [TarEntry("etc/a", b"x", pax={"path": f"etc/{_UP}{EVIL}"})]
    ),
    "a hard link that leaves": lambda out: tar_of(
        [_ETC, _hard("etc/a", f"{_UP}{out.lstrip('/')}/kept")]
    ),
    "a hard link to nothing": lambda out: tar_of([_ETC, _hard("etc/a", f"{out}/kept")]),
    "a mark that takes the folder above": lambda _: tar_of([_ETC, TarEntry("etc/.wh...")]),
    "a mark that takes its own folder": lambda _: tar_of([_ETC, TarEntry("etc/.wh..")]),
    "a mark without a name": lambda _: tar_of([_ETC, TarEntry("etc/.wh.")]),
    "a root that is a file": lambda _: tar_of([TarEntry(".", b"x")]),
    "a root that is a link": lambda out: tar_of([_link(".", out)]),
    "a file below a file": lambda _: tar_of([TarEntry("etc", b"x"), TarEntry("etc/a", b"x")]),
    "a file below a link to itself": lambda _: tar_of([_link("a", "a"), TarEntry("a/b", b"x")]),
    "a hard link to a folder": lambda _: tar_of([_ETC, _hard("a", "etc")]),
    "a file with holes": lambda _: tar_of([TarEntry("a", kind=tarfile.GNUTYPE_SPARSE)]),
    "a size beyond all disks": lambda _: tar_of([TarEntry("a", b"x", declared=1 << 61)]),
    "more content than there is": lambda _: tar_of([TarEntry("a", b"x", declared=1 << 20)]),
    "an owner beyond all numbers": lambda _: tar_of([TarEntry("a", uid=1 << 40)]),
    "a time beyond all clocks": lambda _: tar_of([TarEntry("a", mtime=1 << 61)]),
    "a name that no disk takes": lambda _: tar_of([TarEntry("n" * 300)]),
    "an attribute of overlays": lambda _: tar_of(
        [TarEntry("a", pax={"SCHILY.xattr.trusted.overlay.redirect": "/etc"})]
    ),
    "a capability that is none": lambda _: tar_of(
        [TarEntry("a", pax={"SCHILY.xattr.security.capability": "no"})]
    ),
    "no tar": lambda _: b"7" * 1024,
    "a tar cut short": lambda _: tar_of([TarEntry("a", b"x" * 5000)])[:2000],
    "gzip cut short": lambda _: _gz(tar_of([TarEntry("a", bytes(range(256)) * 99)]))[:-300],
    "gzip that does not decode": lambda _: b"\x1f\x8b" + b"x" * 500,
    "zstd with a window larger than memory": lambda _: b"\x28\xb5\x2f\xfd\x00\xf8" + bytes(16),
    "a bomb of gzip": lambda _: _bomb(_gz, "a", 96),
    "a bomb of zstd": lambda _: _bomb(_zst, "a", 512),
}
CONTAINED: Mapping[str, Callable[[str], bytes]] = {
    "an absolute path": lambda out: tar_of([TarEntry(f"{out}/{EVIL}", b"x")]),
    "a file below a link out": lambda out: tar_of(
        [_folder(out.lstrip("/")), _link("a", out), TarEntry(f"a/{EVIL}", b"x")]
    ),
    "a file below a relative link out": lambda out: tar_of(
        [
            _folder(out.lstrip("/")),
            _link("a", f"{_UP}{out.lstrip('/')}"),
            TarEntry(f"a/{EVIL}", b"x"),
        ]
    ),
    "a mark below a link out": lambda out: tar_of([_link("a", out), TarEntry("a/.wh.kept")]),
    "an emptied folder that is a link out": lambda out: tar_of(
        [_folder("b"), _link("a", out), TarEntry("a/.wh..wh..opq")]
    ),
    "a link to a file of the machine, then a file": lambda out: tar_of(
        [_link("a", f"{out}/kept"), TarEntry("a", b"x")]
    ),
    "a disk": lambda _: tar_of([TarEntry("dev/sda", kind=tarfile.BLKTYPE)]),
    "a program that becomes root": lambda _: tar_of([TarEntry("su", b"x", mode=0o4755)]),
}

#: Members beside a good one in ``cuda_nvcc-linux-x86_64-1-archive``.
_TOP = "cuda_nvcc-archive"


def _toolkit(*entries: TarEntry) -> bytes:
    return _xz(tar_of([TarEntry(f"{_TOP}/bin/nvcc", b"#!/bin/sh\n", mode=0o755), *entries]))


TOOLKITS: Mapping[str, Callable[[str], bytes]] = {
    "a path that leaves": lambda _: _toolkit(TarEntry(f"{_TOP}/{_UP}{EVIL}", b"x")),
    "a path beside its folder": lambda _: _toolkit(TarEntry(EVIL, b"x")),
    "a hard link that leaves": lambda out: _toolkit(
        _hard(f"{_TOP}/lib/a", f"{_TOP}/{_UP}{out.lstrip('/')}/kept")
    ),
    "a hard link to what it has not": lambda _: _toolkit(
        _hard(f"{_TOP}/lib/a", f"{_TOP}/lib/none")
    ),
    "a file below its own link out": lambda out: _toolkit(
        _link(f"{_TOP}/lib/a", out), TarEntry(f"{_TOP}/lib/a/{EVIL}", b"x")
    ),
    "the same path twice": lambda _: _toolkit(
        TarEntry(f"{_TOP}/lib/a", b"1"), TarEntry(f"{_TOP}/lib/a", b"2")
    ),
    "a file below a file": lambda _: _toolkit(
        TarEntry(f"{_TOP}/lib/a", b"1"), TarEntry(f"{_TOP}/lib/a/b", b"2")
    ),
    "a mark that takes a file away": lambda _: _toolkit(TarEntry(f"{_TOP}/bin/.wh.nvcc")),
    "a disk": lambda _: _toolkit(TarEntry(f"{_TOP}/lib/a", kind=tarfile.BLKTYPE)),
    "a pipe": lambda _: _toolkit(TarEntry(f"{_TOP}/lib/a", kind=tarfile.FIFOTYPE)),
    "a size beyond all disks": lambda _: _toolkit(TarEntry(f"{_TOP}/a/b", declared=1 << 61)),
    "a bomb of xz": lambda _: _bomb(_xz, f"{_TOP}/lib/a", 96),
    "no archive at all": lambda _: b"evil",
    "an archive cut short": lambda _: _toolkit()[:100],
}
