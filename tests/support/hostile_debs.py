"""Debian packages that attack whoever unpacks them, each under what is wrong with it.

    HOSTILE["a path that leaves"]("/the/folder/outside")      # the bytes of evil_1.0_amd64.deb

A story is told only when asked for, as some of them are large. ``CONTAINED`` are those whose
content a root may hold, since it is a world of its own: what matters is that nothing gets out.
"""

from __future__ import annotations

import gzip
import lzma
import os
import tarfile
from typing import TYPE_CHECKING

import zstandard

from tests.support.archives import ArMember, TarEntry, ar_of, tar_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: The name of every file that a story wants to put somewhere.
EVIL = "lockenv-evil"
_CONTROL = (
    "Package: evil\nVersion: 1.0\nArchitecture: amd64\nMaintainer: N <n@example.com>\n"
    "Description: evil\n"
)
_UP = "../" * 24
#: Of a crowd; a million take as long to refuse.
_MEMBERS = int(os.environ.get("LOCKENV_CROWD", "150_000"))
#: What compresses well: sixteen MiB of nothing.
_NOTHING = bytes(16 << 20)


def _control(*more: TarEntry, text: str = _CONTROL) -> bytes:
    return gzip.compress(tar_of([TarEntry("./control", text.encode()), *more]), 1, mtime=0)


def deb_of(data: bytes, *, control: bytes | None = None, ending: str = ".gz") -> bytes:
    """A package of a data member that is compressed already."""
    return ar_of(
        [
            ArMember("debian-binary", b"2.0\n"),
            ArMember("control.tar.gz", _control() if control is None else control),
            ArMember(f"data.tar{ending}", data),
        ]
    )


def _holding(*entries: TarEntry) -> bytes:
    return deb_of(gzip.compress(tar_of(entries), 1, mtime=0))


def _good() -> bytes:
    return gzip.compress(tar_of([_file("./usr/share/evil/a")]), 1, mtime=0)


def _file(path: str, data: bytes = b"evil", **more: object) -> TarEntry:
    return TarEntry(path, data, **more)  # type: ignore[arg-type]  # named as its fields are


def _link(path: str, target: str) -> TarEntry:
    return TarEntry(path, kind=tarfile.SYMTYPE, link=target, mode=0o777)


def _hard(path: str, target: str) -> TarEntry:
    return TarEntry(path, kind=tarfile.LNKTYPE, link=target)


def _folder(path: str) -> TarEntry:
    return TarEntry(path, kind=tarfile.DIRTYPE, mode=0o755)


def _bomb(head: bytes, piece: Callable[[bytes], bytes], ending: str, count: int) -> bytes:
    """One file of ``count`` times nothing; streams of these formats may follow one another."""
    size = count * len(_NOTHING)
    member = TarEntry("./usr/share/evil/bomb", declared=size).packed
    return deb_of(piece(head + member) + piece(_NOTHING) * count, ending=ending)


def _xz(data: bytes) -> bytes:
    return lzma.compress(data, preset=0)


def _gz(data: bytes) -> bytes:
    return gzip.compress(data, 1, mtime=0)


def _zst(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=1).compress(data)


def _crowd() -> bytes:
    """Files without content, each under its own name, and none of them worth a byte."""
    one = TarEntry("./usr/share/evil/000000").packed
    at = one.index(b"000000")
    plain = int(one[148:154], 8) - 6 * ord("0")
    compressor = zstandard.ZstdCompressor(level=3).compressobj()
    parts = []
    for number in range(_MEMBERS):
        name = b"%06d" % number
        head = one[:at] + name + one[at + 6 : 148] + b"%06o" % (plain + sum(name)) + one[154:]
        parts.append(compressor.compress(head))
    return deb_of(b"".join([*parts, compressor.flush()]), ending=".zst")


def _script(name: str, text: str) -> bytes:
    body = f"#!/bin/sh\n{text}\n".encode()
    return deb_of(_good(), control=_control(TarEntry(f"./{name}", body, mode=0o755)))


#: Stories of a package that is refused whole, by what is wrong with it.
HOSTILE: Mapping[str, Callable[[str], bytes]] = {
    "a path that leaves": lambda _: _holding(_file(f"{_UP}{EVIL}")),
    "a path that leaves from below": lambda _: _holding(_file(f"./usr/share/{_UP}{EVIL}")),
    "a folder that leaves": lambda _: _holding(_folder(f"./{_UP}{EVIL}")),
    "a path that leaves by a pax record": lambda _: _holding(
        _file("./usr/share/evil/a", pax={"path": f"{_UP}{EVIL}"})
    ),
    "a file below its own link out": lambda out: _holding(
        _link("./usr/share/evil", out), _file(f"./usr/share/evil/{EVIL}")
    ),
    "a file below a relative link out": lambda out: _holding(
        _link("./usr/share/evil", f"{_UP}{out.lstrip('/')}"), _file(f"./usr/share/evil/{EVIL}")
    ),
    "a file below a link to a link": lambda out: _holding(
        _link("./usr/share/one", out),
        _link("./usr/share/two", "one"),
        _file(f"./usr/share/two/{EVIL}"),
    ),
    "a hard link that leaves": lambda out: _holding(
        _hard("./usr/share/evil", f"{_UP}{out.lstrip('/')}/kept")
    ),
    "a hard link to a file of the machine": lambda _: _holding(
        _hard("./usr/share/evil", "/etc/passwd")
    ),
    "a hard link to another package's file": lambda _: _holding(
        _hard("./usr/share/evil", "./usr/bin/dpkg")
    ),
    "a hard link by a pax record": lambda out: _holding(
        _file("./usr/share/evil/a"),
        TarEntry(
            "./usr/share/evil/b",
            kind=tarfile.LNKTYPE,
            link="./usr/share/evil/a",
            pax={"linkpath": f"{_UP}{out.lstrip('/')}/kept"},
        ),
    ),
    "a disk": lambda _: _holding(TarEntry("./dev/evil", kind=tarfile.BLKTYPE)),
    "a terminal": lambda _: _holding(TarEntry("./dev/evil", kind=tarfile.CHRTYPE)),
    "the same path twice": lambda _: _holding(
        _file("./usr/share/evil/a", b"1"), _file("./usr/share/evil/a", b"2")
    ),
    "a file and the same path as a link": lambda out: _holding(
        _file("./usr/share/evil/a", b"1"), _link("./usr/share/evil/a", f"{out}/kept")
    ),
    "a file below a file": lambda _: _holding(
        _file("./usr/share/evil"), _file("./usr/share/evil/a")
    ),
    "a folder over a file": lambda _: _holding(
        _file("./usr/share/evil"), _folder("./usr/share/evil")
    ),
    "a file over a folder": lambda _: _holding(
        _folder("./usr/share/evil"), _file("./usr/share/evil")
    ),
    "a mark that takes a package's file away": lambda _: _holding(_file("./usr/bin/.wh.dpkg", b"")),
    "a mark that empties a folder": lambda _: _holding(_file("./usr/bin/.wh..wh..opq", b"")),
    "another package's program": lambda _: _holding(_file("./usr/bin/dpkg", mode=0o755)),
    "another package's program by its old folder": lambda _: _holding(
        _file("./bin/dpkg", mode=0o755)
    ),
    "dpkg's own database": lambda _: _holding(_file("./var/lib/dpkg/status", b"Package: a\n")),
    "another package's script": lambda _: _holding(
        _file("./var/lib/dpkg/info/host-base.prerm", b"#!/bin/sh\n", mode=0o755)
    ),
    "the environment's python": lambda _: _holding(
        _file("./opt/lockenv/venv/bin/python", mode=0o755)
    ),
    "code that the environment runs": lambda _: _holding(
        _file("./opt/lockenv/venv/lib/python3.11/site-packages/evil.pth", b"import os")
    ),
    "the image's lock": lambda _: _holding(_file("./usr/share/lockenv/lockenv.lock")),
    "the project": lambda _: _holding(_file("./app/evil.py")),
    "a link where the environment lies": lambda out: _holding(_link("./opt/lockenv", out)),
    "a file with holes": lambda _: _holding(
        TarEntry("./usr/share/evil", kind=tarfile.GNUTYPE_SPARSE)
    ),
    "a file with holes in a pax record": lambda _: _holding(
        _file("./usr/share/evil", pax={"GNU.sparse.realsize": "9" * 12})
    ),
    "more content than there is": lambda _: _holding(
        TarEntry("./usr/share/evil", b"1", declared=1 << 33)
    ),
    "a size beyond all disks": lambda _: _holding(
        TarEntry("./usr/share/evil", b"1", declared=1 << 61)
    ),
    "a negative size": lambda _: _holding(_file("./usr/share/evil", pax={"size": "-512"})),
    "a time beyond all clocks": lambda _: _holding(_file("./usr/share/evil", mtime=1 << 61)),
    "an owner beyond all numbers": lambda _: _holding(_file("./usr/share/evil", uid=1 << 40)),
    "a name that ends its line": lambda _: _holding(_file("./usr/share/evil\n/etc/passwd")),
    "a name with nothing in it": lambda _: _holding(
        _file("./usr/share/a", pax={"path": "usr/share/evil\0/../../x"})
    ),
    "a name that no disk takes": lambda _: _holding(_file(f"./usr/share/{'n' * 300}")),
    "a path that no system opens": lambda _: _holding(_file("./usr" + "/share" * 1000)),
    "a capability": lambda _: _holding(
        _file("./usr/bin/evil", pax={"SCHILY.xattr.security.capability": "\1\0\0\2"}, mode=0o755)
    ),
    "an attribute of overlays": lambda _: _holding(
        _file("./usr/share/evil", pax={"SCHILY.xattr.trusted.overlay.opaque": "y"})
    ),
    "a tar that lies about its header": lambda _: deb_of(
        gzip.compress(b"./usr/share/evil".ljust(512, b"7"), 1)
    ),
    "a bomb of gzip": lambda _: _bomb(b"", _gz, ".gz", 96),
    "a bomb of xz": lambda _: _bomb(b"", _xz, ".xz", 96),
    "a bomb of zstd": lambda _: _bomb(b"", _zst, ".zst", 512),
    "a window larger than memory": lambda _: deb_of(
        b"\x28\xb5\x2f\xfd\x00\xf8" + bytes(16), ending=".zst"
    ),
    "a crowd of members": lambda _: _crowd(),
    "a bomb in control": lambda _: deb_of(
        _good(),
        control=_gz(TarEntry("./control", _CONTROL.encode()).packed)
        + _gz(TarEntry("./md5sums", declared=64 * len(_NOTHING)).packed)
        + _gz(_NOTHING) * 64,
    ),
    "a control member that leaves": lambda _: deb_of(
        _good(), control=_control(_file(f"{_UP}{EVIL}"))
    ),
    "a control file that is a link": lambda out: deb_of(
        _good(), control=_gz(tar_of([_link("./control", f"{out}/kept")]))
    ),
    "a second control file": lambda _: deb_of(
        _good(), control=_control(_file("./control", b"Package: other\n"))
    ),
    "a control member in a folder": lambda _: deb_of(
        _good(), control=_control(_file("./info/postinst"))
    ),
    "a configuration file that leaves": lambda _: deb_of(
        _good(), control=_control(_file("./conffiles", f"/{_UP}{EVIL}\n".encode()))
    ),
    "another package's name": lambda _: deb_of(
        _good(), control=_control(text=_CONTROL.replace("Package: evil", "Package: host-base"))
    ),
    "a name that is a path": lambda out: deb_of(
        _good(), control=_control(text=_CONTROL.replace("Package: evil", f"Package: ../{out}"))
    ),
    "a version that is a path": lambda _: deb_of(
        _good(), control=_control(text=_CONTROL.replace("1.0", "1.0/../../x"))
    ),
    "no control file": lambda _: deb_of(_good(), control=_gz(tar_of([_file("./md5sums")]))),
    "two data members": lambda _: (
        deb_of(_good()) + ar_of([ArMember("data.tar.xz", b"")], magic=b"")
    ),
    "no data member": lambda _: ar_of(
        [ArMember("debian-binary", b"2.0\n"), ArMember("control.tar.gz", _control())]
    ),
    "no format": lambda _: ar_of(
        [ArMember("control.tar.gz", _control()), ArMember("data.tar.gz", _good())]
    ),
    "a member with a path": lambda _: ar_of(
        [
            ArMember("debian-binary", b"2.0\n"),
            ArMember("control.tar.gz", _control()),
            ArMember("../data.tar.gz", _good()),
        ]
    ),
    "an archive member of negative size": lambda _: ar_of([ArMember("debian-binary", size="-60")]),
    "an archive member larger than the file": lambda _: ar_of(
        [ArMember("debian-binary", b"2.0\n"), ArMember("control.tar.gz", b"", size="9999999999")]
    ),
    "an archive that stands elsewhere": lambda _: ar_of([], magic=b"!<thin>\n"),
    "an archive of members without end": lambda _: ar_of(
        [ArMember("debian-binary", b"2.0\n")] * 50_000
    ),
    "a compression that there is not": lambda _: deb_of(_good(), ending=".br"),
    "data that does not decode": lambda _: deb_of(b"\x1f\x8b" + b"evil" * 100),
    "data cut short": lambda _: deb_of(_gz(bytes(range(256)) * 40)[:-20]),
    "no archive at all": lambda _: b"evil",
    "nothing": lambda _: b"",
}

#: Stories of a package that a root may hold: it sees nothing of the machine around it.
CONTAINED: Mapping[str, Callable[[str], bytes]] = {
    "a hard link to a link out": lambda out: _holding(
        _link("./usr/share/evil", f"{out}/kept"), _hard("./usr/share/again", "./usr/share/evil")
    ),
    "an absolute path": lambda out: _holding(_file(f"{out}/{EVIL}")),
    "a link to a file of the machine": lambda out: _holding(
        _link("./usr/share/evil", f"{out}/kept")
    ),
    "a relative link to a file of the machine": lambda out: _holding(
        _link("./usr/share/evil", f"{_UP}{out.lstrip('/')}/kept")
    ),
    "a program that becomes root": lambda _: _holding(_file("./usr/bin/evil", mode=0o4755)),
    "a pipe": lambda _: _holding(TarEntry("./run/evil", kind=tarfile.FIFOTYPE)),
    "a script that writes outside": lambda out: _script(
        "postinst",
        f"echo evil > {out}/{EVIL} || true; echo evil > /proc/1/root{out}/{EVIL} || true",
    ),
    "a script that climbs out": lambda out: _script(
        "preinst", f"cd {_UP}{out.lstrip('/')} && touch {EVIL} || true"
    ),
    "a script that makes a device": lambda _: _script(
        "postinst", "cp -a /dev/null /usr/share/evil-device || true"
    ),
}
