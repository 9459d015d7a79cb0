"""Builders of tiny real ``.deb`` files, in microseconds, for every feature that unpacking meets.

    deb("demo", members=[file("usr/bin/demo", b"…", mode=0o755), link("usr/bin/d", "demo")])

gives a `TinyDeb` with the file's name and bytes; ``written.plan(folder)`` puts it there and gives
what an image plan wants. `feature_debs` are the ten with one feature each; `host_base` is an
Essential package made of this machine's own dpkg and shell, in which maintainer scripts run.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import os
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import zstandard

from lockenv.materialize import Deb
from lockenv.model import sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

#: 2024-01-01: older than any epoch that tests use.
TIME = 1704067200
#: 2025-01-01: the epoch that tests use.
EPOCH = 1735689600


@dataclass(frozen=True, slots=True)
class Member:
    """A member of data.tar; ``target`` is that of links, ``kind`` tarfile's type."""

    path: str
    kind: bytes = tarfile.REGTYPE
    content: bytes = b""
    target: str = ""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime: int = TIME


def file(
    path: str, content: bytes = b"", *, mode: int = 0o644, gid: int = 0, mtime: int = TIME
) -> Member:
    """A file."""
    return Member(path, content=content, mode=mode, gid=gid, mtime=mtime)


def folder(path: str, *, mode: int = 0o755) -> Member:
    """A directory."""
    return Member(path, kind=tarfile.DIRTYPE, mode=mode)


def link(path: str, target: str) -> Member:
    """A symbolic link."""
    return Member(path, kind=tarfile.SYMTYPE, target=target, mode=0o777)


def hard_link(path: str, target: str) -> Member:
    """A second name of a file in the same package."""
    return Member(path, kind=tarfile.LNKTYPE, target=f"./{target}")


@dataclass(frozen=True, slots=True)
class TinyDeb:
    """A package with its identity and bytes."""

    name: str
    version: str
    architecture: str
    data: bytes

    def plan(self, folder_: Path) -> Deb:
        """Put the package into a folder; what an image plan says of it."""
        folder_.mkdir(parents=True, exist_ok=True)
        path = folder_ / f"{self.name}_{self.version}_{self.architecture}.deb"
        path.write_bytes(self.data)
        digest = sha256(hashlib.sha256(self.data).hexdigest())
        return Deb(
            name=self.name,
            version=self.version,
            architecture=self.architecture,
            path=path,
            digest=digest,
            source=self.name,
        )


def deb(
    name: str,
    *,
    version: str = "1.0",
    architecture: str = "amd64",
    members: Sequence[Member] = (),
    control: Mapping[str, str] | None = None,
    scripts: Mapping[str, str] | None = None,
    fields: Mapping[str, str] | None = None,
    compression: str = "xz",
) -> TinyDeb:
    """A package; ``control`` are more members of control.tar, ``scripts`` those with mode 755."""
    lines = {
        "Package": name,
        "Version": version,
        "Architecture": architecture,
        "Maintainer": "Nobody <nobody@example.com>",
        "Description": f"tiny {name}",
        **(fields or {}),
    }
    text = "".join(f"{key}: {value}\n" for key, value in lines.items())
    controls = [Member("control", content=text.encode())]
    controls += [Member(key, content=value.encode()) for key, value in (control or {}).items()]
    controls += [
        Member(key, content=value.encode(), mode=0o755) for key, value in (scripts or {}).items()
    ]
    suffix, compress = _COMPRESSIONS[compression]
    data = _ar(
        {
            "debian-binary": b"2.0\n",
            "control.tar.gz": gzip.compress(_tar(controls), mtime=0),
            f"data.tar{suffix}": compress(_tar([folder("."), *_with_parents(members)])),
        }
    )
    return TinyDeb(name, version, architecture, data)


def _gzipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def _zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


_COMPRESSIONS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "none": ("", bytes),
    "gz": (".gz", _gzipped),
    "xz": (".xz", lzma.compress),
    "zst": (".zst", _zstd),
}


def _with_parents(members: Iterable[Member]) -> list[Member]:
    found: dict[str, Member] = {}
    for member in members:
        parents = [str(parent) for parent in Path(member.path).parents]
        for parent in reversed(parents):
            if parent not in {".", "/"} and parent not in found:
                found[parent] = folder(parent)
        found[member.path] = member
    return list(found.values())


def _tar(members: Iterable[Member]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for member in members:
            info = tarfile.TarInfo(member.path if member.path == "." else f"./{member.path}")
            info.type, info.mode, info.mtime = member.kind, member.mode, member.mtime
            info.uid, info.gid, info.linkname = member.uid, member.gid, member.target
            info.size = len(member.content)
            archive.addfile(info, io.BytesIO(member.content))
    return buffer.getvalue()


def _ar(members: Mapping[str, bytes]) -> bytes:
    text = b"!<arch>\n"
    for name, data in members.items():
        text += f"{name:<16}{TIME:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode()
        text += data + b"\n" * (len(data) % 2)
    return text


LONG_NAME = "usr/share/" + "/".join(["a-folder-with-a-long-name"] * 5) + "/" + "n" * 120


def feature_debs() -> list[TinyDeb]:
    """Ten packages, each with one thing that unpacking must get right."""
    return [
        deb(
            "alternatives",
            members=[file("usr/bin/vi.tiny", b"#!/bin/sh\n", mode=0o755)],
            scripts={
                "postinst": "#!/bin/sh\nset -e\nupdate-alternatives --install /usr/bin/editor "
                "editor /usr/bin/vi.tiny 10\n"
            },
        ),
        deb(
            "conffile",
            members=[file("etc/demo.conf", b"answer = 42\n")],
            control={"conffiles": "/etc/demo.conf\n"},
        ),
        deb(
            "trigger",
            members=[folder("usr/share/demo.d")],
            control={"triggers": "interest-noawait /usr/share/demo.d\n"},
            scripts={
                "postinst": "#!/bin/sh\nset -e\nmkdir -p /var/lib/trigger\n"
                "ls /usr/share/demo.d > /var/lib/trigger/list\n"
            },
        ),
        deb("triggering", members=[file("usr/share/demo.d/one", b"1")]),
        deb(
            "user",
            members=[folder("var/lib/user")],
            scripts={
                "postinst": "#!/bin/sh\nset -e\necho 'demo:x:123:124::/:/bin/sh' >> /etc/passwd\n"
                "chown 123:124 /var/lib/user\necho secret > /var/lib/user/key\n"
                "chown 123:124 /var/lib/user/key\nchmod 600 /var/lib/user/key\n"
            },
        ),
        deb("setuid", members=[file("usr/bin/su", b"su", mode=0o4755), _mail()]),
        deb(
            "hardlink",
            members=[
                file("usr/bin/one", b"one", mode=0o755),
                hard_link("usr/bin/two", "usr/bin/one"),
            ],
        ),
        deb("longname", members=[file(LONG_NAME, b"long"), file("usr/share/naïve", b"n")]),
        deb("zstd", members=[file("usr/share/zstd", b"z" * 100_000)], compression="zst"),
        deb("merged", members=[file("bin/true", b"true", mode=0o755), link("lib/x", "/lib/y")]),
    ]


def _mail() -> Member:
    return file("usr/bin/mail", b"mail", mode=0o2755, gid=8)


_PROGRAMS = (
    *("dpkg", "dpkg-deb", "dpkg-divert", "dpkg-query", "dpkg-split", "dpkg-trigger"),
    "dpkg-statoverride",
    *("update-alternatives", "sh", "cat", "chmod", "chown", "cp", "date", "diff", "env", "id"),
    *("ln", "ls", "mkdir", "mv", "readlink", "rm", "rmdir", "sed", "sleep", "sync", "tar", "touch"),
)


def can_make_host_base() -> bool:
    """Whether this machine has Debian's own tools to make a base of."""
    return all(shutil.which(name) for name in _PROGRAMS)


def host_base() -> TinyDeb:
    """An Essential package of this machine's dpkg, shell and the few tools that scripts use."""
    members = [folder(name) for name in ("dev", "etc", "proc", "root", "tmp", "usr", "var")]
    places = {}
    for name in _PROGRAMS:
        real = Path(shutil.which(name) or "").resolve()
        places[f"usr/bin/{name}"] = real
        listing = subprocess.run(["ldd", str(real)], capture_output=True, text=True, check=False)
        for word in listing.stdout.split():
            if word.startswith("/"):
                # Where the program looks: the loader's path is part of it.
                path = word.lstrip("/")
                places[path if path.startswith("usr/") else f"usr/{path}"] = Path(word).resolve()
    for path, real in sorted(places.items()):
        members.append(file(path, real.read_bytes(), mode=0o755))
    members += [
        file("usr/sbin/ldconfig", b"#!/bin/sh\n", mode=0o755),
        file("usr/sbin/start-stop-daemon", b"#!/bin/sh\n", mode=0o755),
        file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n"),
        file("etc/group", b"root:x:0:\n"),
    ]
    return deb("host-base", members=members, fields={"Essential": "yes"}, compression="none")


def runs_as_root() -> bool:
    """Whether this process may do what only root may."""
    return os.geteuid() == 0
