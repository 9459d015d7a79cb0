"""Source archives and interpreters that attack whoever unpacks them: members beside good ones.

`SDISTS` are told of what lies in ``sourced-1.0``, `INTERPRETERS` of what lies in ``python``.
"""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

from tests.support.archives import TarEntry
from tests.support.hostile_debs import EVIL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Story = Callable[[str], Sequence[TarEntry]]

_UP = "../" * 24


def _link(path: str, target: str) -> TarEntry:
    return TarEntry(path, kind=tarfile.SYMTYPE, link=target, mode=0o777)


def _hard(path: str, target: str) -> TarEntry:
    return TarEntry(path, kind=tarfile.LNKTYPE, link=target)


def _stories(top: str) -> dict[str, Story]:
    """What neither may hold; ``top`` is its folder."""
    return {
        "a path that leaves": lambda _: [TarEntry(f"{top}/{_UP}{EVIL}", b"x")],
        "an absolute path": lambda out: [TarEntry(f"{out}/{EVIL}", b"x")],
        "a path that leaves by a pax record": lambda _: [
            TarEntry(f"{top}/a", b"x", pax={"path": f"{top}/{_UP}{EVIL}"})
        ],
        "a file below a link out": lambda out: [
            _link(f"{top}/l", out),
            TarEntry(f"{top}/l/{EVIL}", b"x"),
        ],
        "a file below a link to its own folder": lambda _: [
            _link(f"{top}/l", "."),
            TarEntry(f"{top}/l/{EVIL}", b"x"),
        ],
        "a link out": lambda out: [_link(f"{top}/l", f"{out}/kept")],
        "a relative link out": lambda out: [_link(f"{top}/l", f"{_UP}{out.lstrip('/')}/kept")],
        "a link that goes down and up": lambda _: [_link(f"{top}/l", "a/../../../../etc")],
        "a hard link out": lambda out: [_hard(f"{top}/l", f"{out}/kept")],
        "a hard link that leaves": lambda out: [
            _hard(f"{top}/l", f"{top}/{_UP}{out.lstrip('/')}/kept")
        ],
        "a hard link to nothing": lambda _: [_hard(f"{top}/l", f"{top}/nothing")],
        "a hard link to a link": lambda _: [
            _link(f"{top}/l", "a"),
            _hard(f"{top}/m", f"{top}/l"),
        ],
        "a file below a file": lambda _: [
            TarEntry(f"{top}/a", b"x"),
            TarEntry(f"{top}/a/b", b"x"),
        ],
        "a disk": lambda _: [TarEntry(f"{top}/a", kind=tarfile.BLKTYPE)],
        "a terminal": lambda _: [TarEntry(f"{top}/a", kind=tarfile.CHRTYPE)],
        "a pipe": lambda _: [TarEntry(f"{top}/a", kind=tarfile.FIFOTYPE)],
        "a name that ends its line": lambda _: [TarEntry(f"{top}/a\nb", b"x")],
        "a time beyond all clocks": lambda _: [TarEntry(f"{top}/a", b"x", mtime=1 << 80)],
        "a size beyond all disks": lambda _: [TarEntry(f"{top}/a", b"x", declared=1 << 60)],
        "more content than there is": lambda _: [TarEntry(f"{top}/a", b"x", declared=1 << 20)],
    }


#: Absolute paths of sdists are taken below the folder that is unpacked into, as tar does it.
SDISTS: Mapping[str, Story] = {
    name: story for name, story in _stories("sourced-1.0").items() if name != "an absolute path"
}
INTERPRETERS: Mapping[str, Story] = _stories("python")
